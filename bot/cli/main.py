"""The way in: imports the command line, runs it, and says how it ended."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from bot.cli.late_methods import compile_late
from bot.services.concurrency.memory import keep_memory_flat


def _put_off(name: str) -> None:
    """Have a module imported when something of it is asked for, and not before."""
    stand_in = ModuleType(name)

    def ask(attribute: str) -> object:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return getattr(import_module(name), attribute)

    stand_in.__getattr__ = ask  # type: ignore[method-assign]  # https://peps.python.org/pep-0562/
    sys.modules.setdefault(name, stand_in)


def main() -> NoReturn:
    """Run the command line; every expected failure ends with a sentence and its own exit code, never a traceback."""
    keep_memory_flat()  # before there are threads
    # It would look through what is imported again and again; it is let loose once the command's module is there.
    gc.disable()
    # pydantic would look through the metadata of every package for plugins, which would be shown the settings.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _put_off("importlib.metadata")  # which it imports for that all the same, and with it the standard library's mail
    compile_late()
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
