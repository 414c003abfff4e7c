"""`python -m tools.docs` writes what is generated in `docs/` anew: the tables of settings.

The tests that hold the page to the program say so when this has to be run.
"""

from __future__ import annotations

from tools import settings_page


def main() -> None:
    """Write the page of the settings."""
    settings_page.PAGE.write_text(settings_page.page(), encoding="utf-8")


if __name__ == "__main__":
    main()
