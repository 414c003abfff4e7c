"""Checks every call against aiogram's own method models: an unknown parameter or a wrong type fails loudly."""

import json
import types
import typing
from collections.abc import AsyncGenerator
from functools import cache
from typing import Any

import aiogram.methods
from aiogram.client.bot import Bot
from aiogram.methods import TelegramMethod
from aiogram.types import InputFile
from pydantic import BaseModel, ValidationError

Method = TelegramMethod[Any]


class Attached(InputFile):
    """A file that came with the request, where aiogram's model wants an InputFile."""

    def __init__(self, field: str) -> None:
        super().__init__(filename=field)
        self.field = field

    async def read(self, bot: Bot) -> AsyncGenerator[bytes, None]:
        """Nothing: the bytes are on the server's disk already."""
        yield b""


class ContractViolationError(ValueError):
    """The call is not one the Bot API documents; each line of `faults` says why."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@cache
def known_methods() -> dict[str, type[Method]]:
    """Method classes by lower-case name: the server doesn't mind the case."""
    found: dict[str, type[Method]] = {}
    for name in aiogram.methods.__all__:
        member = getattr(aiogram.methods, name)
        api_method = getattr(member, "__api_method__", None)
        if isinstance(api_method, str):
            found[api_method.lower()] = member
    return found


def read_method(model: type[Method], fields: dict[str, Any], attached: set[str]) -> Method:
    """The call as aiogram's model of it, `attach://` fields included.

    Raises ContractViolationError for an unknown parameter at any depth, a missing one, a wrong type or attachment.
    """
    known = model.model_fields
    faults = [f"unknown parameter {name!r}" for name in fields if name not in known and name not in attached]
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if name in known:
            values[name] = _attachments(_decode(model, name, value), name, attached, faults)
    for name in attached & known.keys():
        values[name] = f"attach://{name}"
    try:
        method = model.model_validate(values)
    except ValidationError as error:
        faults += [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise ContractViolationError(faults) from error
    for name in known:
        faults += _unknown_inside(getattr(method, name), name)
    if faults:
        raise ContractViolationError(faults)
    return method


def _decode(model: type[Method], name: str, value: Any) -> Any:
    if isinstance(value, str) and _is_compound(model, name):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


@cache
def _is_compound(model: type[Method], name: str) -> bool:
    return any(
        typing.get_origin(part) in (list, dict) or (isinstance(part, type) and issubclass(part, BaseModel))
        for part in _alternatives(model.model_fields[name].annotation)
    )


def _alternatives(annotation: Any) -> list[Any]:
    if typing.get_origin(annotation) is typing.Annotated:
        return _alternatives(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [part for member in typing.get_args(annotation) for part in _alternatives(member)]
    return [annotation]


def _attachments(value: Any, name: str, attached: set[str], faults: list[str]) -> Any:
    """Check every `attach://`, and put an InputFile where the model allows nothing else."""
    if isinstance(value, dict):
        return {key: _attachments(item, key, attached, faults) for key, item in value.items()}
    if isinstance(value, list):
        return [_attachments(item, name, attached, faults) for item in value]
    if isinstance(value, str) and value.startswith("attach://"):
        field = value.removeprefix("attach://")
        if field not in attached:
            faults.append(f"{name}: nothing is attached as {field!r}")
        return Attached(field) if name == "thumbnail" else value
    return value


def _unknown_inside(value: Any, where: str) -> list[str]:
    if isinstance(value, list):
        return [fault for item in value for fault in _unknown_inside(item, where)]
    if not isinstance(value, BaseModel):
        return []
    faults = [f"{where}: unknown field {name!r}" for name in value.model_extra or ()]
    for name in type(value).model_fields:
        faults += _unknown_inside(getattr(value, name), f"{where}.{name}")
    return faults
