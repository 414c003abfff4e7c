"""Builds aiogram's types when they are first used, each without the types of its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import copy
from functools import cache, cached_property
from inspect import get_annotations
from threading import RLock
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, TypeAdapter, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from bot.services.telegram.lazy_modules import Promise


class LazyTypes:
    """Builds the types that derive from `root`: each where it is first used, and its fields' types where a value comes.

    pydantic builds a type with all that it may hold, and for a message that is nearly everything there is. Here a field
    gets a reader instead, which has its type built for the first value; what is read, written and refused stays the
    same, to the words of the error. `names` are those in which the annotations of the types are written.
    """

    def __init__(self, root: type[BaseModel], names: Mapping[str, Any]) -> None:
        self._root, self._names = root, names
        self._config = ConfigDict(**{**root.model_config, "defer_build": False})
        self._lock = RLock()  # model_rebuild is not thread-safe
        self._building: type[BaseModel] | None = None

    def take_over(self) -> None:
        """Build types this way from now on; pydantic's placeholder for what was not built yet calls `model_rebuild`."""
        build: Callable[..., bool | None] = BaseModel.model_rebuild.__func__  # type: ignore[attr-defined]

        def rebuild(cls: type[BaseModel], /, *, _types_namespace: Any = None, **how: Any) -> bool | None:
            with self._lock:
                outer, self._building = self._building, cls
                try:
                    return build(cls, _types_namespace=_types_namespace or self._names_of(cls), **how)
                finally:
                    self._building = outer

        def schema(cls: type[BaseModel], source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
            with self._lock:
                if self._building is cls:
                    self._building = None  # what else is asked for below is not this
                    return self._alone(cls, source, handler)
                if not cls.__pydantic_complete__:
                    cls.model_rebuild()
                return handler(source)

        self._root.model_rebuild = classmethod(rebuild)  # type: ignore[assignment]
        self._root.__get_pydantic_core_schema__ = classmethod(schema)  # type: ignore[assignment]

    def _names_of(self, cls: type[BaseModel]) -> dict[str, Any]:
        """Return the names that the annotations of its fields mention, imported."""
        written = [
            annotation
            for one in cls.__mro__
            if issubclass(one, self._root)
            for annotation in get_annotations(one).values()
            if isinstance(annotation, str)
        ]
        found = {name: self._names[name] for one in written for name in re.findall(r"\w+", one) if name in self._names}
        return {name: one.kept() if isinstance(one, Promise) else one for name, one in found.items()}

    def _alone(self, cls: type[BaseModel], source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of this type with readers in place of the types that its fields hold."""
        fields = cls.__pydantic_fields__
        cls.__pydantic_fields__ = {name: self._lazy_field(field) for name, field in fields.items()}
        try:
            return handler(source)
        finally:
            cls.__pydantic_fields__ = fields

    def _lazy_field(self, field: Any) -> Any:
        kind = field.annotation
        if field.metadata or field.discriminator:
            kind = Annotated[(kind, *field.metadata, Field(discriminator=field.discriminator))]
        if not self._holds(kind):
            return field
        changed = copy(field)
        changed.annotation, changed.metadata, changed.discriminator = self._lazy(kind), [], None
        return changed

    def _lazy(self, kind: Any) -> Any:
        """Return an annotation for the same values, in which readers stand for the types."""
        origin, parts = get_origin(kind), get_args(kind)
        if not self._holds(kind):
            return kind
        if origin is list:
            return list[self._lazy(parts[0])]  # type: ignore[misc]
        if origin in (Union, UnionType) and len(parts) == 2 and NoneType in parts:
            return Union[self._lazy(next(part for part in parts if part is not NoneType)), None]  # noqa: UP007
        return self._read(kind)  # of several types, pydantic itself finds the one that a value fits best

    def _holds(self, kind: Any) -> bool:
        """Whether one of the types is in it."""
        origin, parts = get_origin(kind), get_args(kind)
        if isinstance(kind, type) and issubclass(kind, self._root):
            return True
        if hasattr(kind, "__value__"):  # a TypeAliasType, whose parts may be itself
            return True
        if origin is Literal:
            return False
        return any(self._holds(part) for part in (parts[:1] if origin is Annotated else parts))

    @cache  # noqa: B019 - there is one of this class
    def _read(self, kind: Any) -> Any:
        return Annotated[Any, _Reader(kind, None if isinstance(kind, type) else self._config)]


class _Reader:
    """Reads values by a type that is built when the first of them comes."""

    def __init__(self, kind: Any, config: ConfigDict | None) -> None:
        self._kind, self._config = kind, config

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._read)

    def _read(self, value: Any, info: ValidationInfo) -> Any:
        return self._type.validate_python(value, context=info.context)

    @cached_property
    def _type(self) -> TypeAdapter[Any]:
        return TypeAdapter(self._kind, config=self._config)
