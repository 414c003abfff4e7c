"""The way in: imports the command line, runs it, and says how it ended."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn

from bot.services.concurrency.memory import keep_memory_flat


def main() -> NoReturn:
    """Run the command line; every expected failure ends with a sentence and its own exit code, never a traceback."""
    keep_memory_flat()  # before there are threads
    # It would look through what is imported again and again; it is let loose once the command's module is there.
    gc.disable()
    # pydantic would look through the metadata of every package for plugins, which would be shown the settings.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from bot.cli import output  # noqa: PLC0415 - after the lines above
    from bot.cli.application import app  # noqa: PLC0415
    from bot.errors import CourierError  # noqa: PLC0415

    output.prepare()
    try:
        app(standalone_mode=True)
    except CourierError as error:
        output.print_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)
