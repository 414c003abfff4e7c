"""Imports aiogram at a fraction of its weight: modules and types come when they are first used.

aiogram 3 imports its 451 types and 190 methods at once, and builds all types: 166 MB and 4.4 s of CPU, where some forty
of them are used. Light, it takes 36 MB and 0.6 s (aiogram 3.31, pydantic 2.13).
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from loguru import logger

from bot.services.concurrency.memory import uncollected
from bot.services.telegram.lazy_modules import LazyModules
from bot.services.telegram.lazy_types import LazyTypes


def import_aiogram() -> None:
    """Import aiogram light; does nothing where it was imported before.

    Where aiogram or pydantic are not as this expects, one line says so, and aiogram is imported as it is.
    """
    if "aiogram" in sys.modules:
        return
    with uncollected():
        try:
            _import_light()
        except Exception as error:
            for name in [name for name in sys.modules if name.partition(".")[0] == "aiogram"]:
                del sys.modules[name]
            import aiogram  # noqa: F401, PLC0415

            logger.info("aiogram's types are built at its import, at the cost of 100 MB: {!r}", error)


def _import_light() -> None:
    lazy = LazyModules(("aiogram.types", "aiogram.methods"), users=("aiogram.client.bot",))
    with lazy.installed(), _certificates_put_off():
        from aiogram import methods, types  # noqa: PLC0415 - this is the place
        from aiogram.client import bot  # noqa: PLC0415
    if not lazy.rebuilds or any(one is not lazy.rebuilds[0] for one in lazy.rebuilds):
        raise RuntimeError("its types are built otherwise than by model_rebuild at the end of the import")
    LazyTypes(types.TelegramObject, lazy.rebuilds[0]).take_over()

    if eval("lambda: SendMessage", vars(bot))() is not methods.SendMessage:  # noqa: S307 - as its functions find it
        raise RuntimeError("functions don't find what their module has not imported yet")
    chat, user, file = {"id": 1, "type": "private"}, {"id": 1, "is_bot": True, "first_name": "a"}, {"file_id": "a"}
    told = {"message_id": 1, "date": 1, "chat": chat, "from": user, "document": {**file, "file_unique_id": "a"}}
    message = types.Message.model_validate(told)
    if not isinstance(message.document, types.Document) or message.from_user != types.User.model_validate(user):
        raise RuntimeError("a message is not read as it should be")
    if types.Sticker.__pydantic_complete__:
        raise RuntimeError("a type is built together with all that it may hold")


@contextmanager
def _certificates_put_off() -> Iterator[None]:
    """Let TLS contexts that are made meanwhile read the system's certificates when they first wrap a connection.

    aiohttp makes two at its import, 1.7 MB, and aiogram one of its own: the others serve a proxy and a watchdog alone.
    """

    def put_off(context: ssl.SSLContext) -> None:
        def reading(wrap: str) -> Callable[..., Any]:
            def wrapped(*args: Any, **how: Any) -> Any:
                for name in wraps:
                    vars(context).pop(name, None)
                context.set_default_verify_paths()
                return getattr(context, wrap)(*args, **how)

            return wrapped

        wraps = ("wrap_bio", "wrap_socket")
        for name in wraps:
            setattr(context, name, reading(name))

    ssl.SSLContext.set_default_verify_paths = put_off  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        del ssl.SSLContext.set_default_verify_paths  # its base class has it
