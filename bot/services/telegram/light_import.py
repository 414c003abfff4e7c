"""Imports aiogram without building its types: each of them is built by pydantic when it is first used.

aiogram 3 declares `defer_build` for its 451 types and then builds them all at the end of its import by `model_rebuild`:
166 MB and 4.4 s of CPU, where some ten types are used. Deferred, the import takes 60 MB and 1.0 s (pydantic 2.13). And
it would build all that a message can hold once more for every kind of answer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from threading import RLock
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from loguru import logger
from pydantic import BaseModel, PlainValidator, TypeAdapter, ValidationInfo

from bot.services.concurrency.memory import uncollected


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
        with uncollected():
            from aiogram import methods, types  # noqa: PLC0415 - this is the place
    finally:
        BaseModel.model_rebuild = original  # type: ignore[method-assign]

    try:
        _build_at_first_use((types.TelegramObject, methods.TelegramMethod, methods.Response), build, put_off)
        methods.SendMessage(chat_id=1, text="").model_dump()
        answers = _Answers(methods.Response, first=types.Message)
        answers[bool].model_validate({"ok": True, "result": True})
        reader: Any = import_module("aiogram.client.session.base")
        reader.Response = answers
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


class _Answers:
    """Stands for aiogram's `Response` where answers are read: what one holds is read by its own type, built once.

    Response[Message], Response[list[Update]] and so on would be built each with all that a message can hold: 3 MB more
    for every one. `first` is what most types hold: built before them, it is shared.
    """

    def __init__(self, plain: Any, *, first: type[BaseModel]) -> None:
        self._plain, self._first = plain, first

    @cache  # noqa: B019 - there is one of this class
    def __getitem__(self, kind: Any) -> Any:
        return self._plain[Annotated[Any, PlainValidator(self._reader(kind))]]

    def _reader(self, kind: Any) -> Callable[[Any, ValidationInfo], Any]:
        """Return what reads a value of this kind."""
        parts = get_args(kind)
        if get_origin(kind) is list:
            read = self._reader(*parts)
            return lambda values, info: [read(value, info) for value in _listed(values)]
        if get_origin(kind) in (Union, UnionType) and len(parts) == 2 and bool in parts:
            read = self._reader(next(part for part in parts if part is not bool))
            return lambda value, info: value if isinstance(value, bool) else read(value, info)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return lambda value, info: self._built(kind).model_validate(value, context=info.context)
        adapter = TypeAdapter(kind)
        return lambda value, info: adapter.validate_python(value, context=info.context)

    def _built(self, kind: type[BaseModel]) -> type[BaseModel]:
        if kind.__name__ in ("Update", "ChatFullInfo") and not self._first.__pydantic_complete__:
            self._first.model_rebuild()
        return kind


def _listed(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise ValueError(f"a list was expected, not {type(values).__name__}")
    return values
