"""The way in: imports the command line, runs it, and says how it ended."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from bot.services.concurrency.memory import keep_memory_flat, uncollected


def main() -> NoReturn:
    """Run the command line; every expected failure ends with a sentence and its own exit code, never a traceback."""
    keep_memory_flat()  # before there are threads
    # pydantic would look through the metadata of every package for plugins, which would be shown the settings.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    with uncollected():
        from typer.main import get_command  # noqa: PLC0415 - what all is imported of is kept from it

        from bot.cli import output  # noqa: PLC0415
        from bot.cli.application import app  # noqa: PLC0415
        from bot.errors import CourierError  # noqa: PLC0415

        called = get_command(app)
    output.prepare()
    try:
        called(standalone_mode=True)
    except CourierError as error:
        output.print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
