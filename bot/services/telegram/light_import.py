"""Imports aiogram without building its types: each of them is built by pydantic when it is first used.

aiogram 3 declares `defer_build` for its 451 types and then builds them all at the end of its import by `model_rebuild`:
166 MB and 4.4 s of CPU, where some ten types are used. Deferred, the import takes 60 MB and 1.0 s (pydantic 2.13).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from threading import RLock
from typing import Any

from loguru import logger
from pydantic import BaseModel


def import_aiogram() -> None:
    """Import aiogram with its types left to be built at their first use; does nothing where it was imported before.

    Where aiogram or pydantic are not as this expects, one line says so, and every type is built now, as they do it.
    """
    if "aiogram" in sys.modules:
        return
    build = BaseModel.model_rebuild.__func__  # type: ignore[attr-defined]  # a classmethod's own function
    put_off: dict[type[BaseModel], dict[str, Any]] = {}

    def put_off_or_build(cls: type[BaseModel], /, *, _types_namespace: Any = None, **how: Any) -> bool | None:
        if _types_namespace is None or not cls.__module__.startswith("aiogram.types."):
            return build(cls, _types_namespace=_types_namespace, **how)  # type: ignore[no-any-return]
        put_off[cls] = _types_namespace
        return None

    original = BaseModel.__dict__["model_rebuild"]
    BaseModel.model_rebuild = classmethod(put_off_or_build)  # type: ignore[assignment]
    try:
        from aiogram import methods, types  # noqa: PLC0415 - this is the place
    finally:
        BaseModel.model_rebuild = original  # type: ignore[method-assign]

    try:
        _build_at_first_use((types.TelegramObject, methods.TelegramMethod, methods.Response), build, put_off)
        methods.SendMessage(chat_id=1, text="").model_dump()
    except Exception as error:
        logger.info("aiogram's types are built at its import, at the cost of 100 MB: {!r}", error)
        for one, namespace in put_off.items():
            one.model_rebuild(_types_namespace=namespace)


def _build_at_first_use(
    roots: Sequence[type[BaseModel]], build: Any, put_off: dict[type[BaseModel], dict[str, Any]]
) -> None:
    """Give all that derives from `roots` a `model_rebuild` that knows the names in which its annotations are written.

    pydantic's placeholder for what was not built yet calls it, without them.
    """
    if not put_off or any(one.__pydantic_complete__ for one in put_off):
        raise RuntimeError("its types are built otherwise than by model_rebuild at the end of the import")
    (namespace,) = {id(each): each for each in put_off.values()}.values()
    lock = RLock()  # model_rebuild is not thread-safe

    def rebuild(cls: type[BaseModel], /, *, _types_namespace: Any = None, **how: Any) -> bool | None:
        with lock:
            return build(cls, _types_namespace=_types_namespace or namespace, **how)  # type: ignore[no-any-return]

    for root in roots:
        root.model_rebuild = classmethod(rebuild)  # type: ignore[assignment]
