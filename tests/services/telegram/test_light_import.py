"""aiogram imported light: the same modules, types and methods, each when it is first used."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.world.places import certificate

DESCRIBE = """
import enum
import json
import re
import sys
from datetime import datetime
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import aiogram.client.bot
from aiogram import Bot, methods, types
from aiogram.client.session.aiohttp import AiohttpSession
from pydantic import BaseModel

modules = sum(name.startswith("aiogram.") for name in sys.modules)

def example(kind, n, depth):
    origin, parts = get_origin(kind), get_args(kind)
    if hasattr(kind, "__value__"):
        return example(kind.__value__, n if depth > 0 else 0, depth)
    if origin is Annotated:
        return example(parts[0], n, depth)
    if origin is Literal:
        return getattr(parts[n % len(parts)], "value", parts[n % len(parts)])
    if origin in (Union, UnionType):
        some = [part for part in parts if part is not NoneType]
        return example(some[n % len(some)], n, depth)
    if origin is list:
        return [example(parts[0], n + more, depth - 1) for more in range(2 if depth > 0 else 1)]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {
            field.alias or name: example(field.annotation, n, depth - 1)
            for name, field in kind.model_fields.items()
            if field.is_required() or depth > 0
        }
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [*kind][n % len(kind)].value
    return {bool: True, int: 5 + n, float: 1.5, str: "x", datetime: 5}.get(kind, "y")

def read(kind, value):
    try:
        made = kind.model_validate(value)
        said = [made, made.model_dump(warnings=False), sorted(made.model_fields_set)]
    except Exception as error:
        said = [type(error).__name__, str(error)]
    return re.sub(" at 0x[0-9a-f]+", "", repr(said))

models = [getattr(room, name) for room in (methods, types) for name in room.__all__]
models = [one for one in models if isinstance(one, type) and issubclass(one, BaseModel)]
told = {}
for one in models:
    one.model_rebuild()
    assert one.__pydantic_complete__
    told[one.__name__] = [re.sub(" at 0x[0-9a-f]+", "", repr(one.model_fields))]
for one in models:
    whole = example(one, 0, 1)
    values = [whole, *(example(one, n, 1) for n in (1, 2)), *({**whole, name: ["?"]} for name in whole)]
    told[one.__name__] += [read(one, value) for value in values]

user = {"id": 7, "is_bot": False, "first_name": "Ann"}
chat = {"id": 7, "type": "private", "first_name": "Ann"}
file = {"file_id": "f", "file_unique_id": "u", "file_name": "a.zip", "file_size": 5, "new_field": [1]}
rows = {"inline_keyboard": [[{"text": "x", "callback_data": "y"}]]}
message = {
    "message_id": 1, "date": 1_700_000_000, "chat": chat, "from": user, "document": file, "caption": "a b",
    "caption_entities": [{"type": "bold", "offset": 0, "length": 1}], "reply_markup": rows,
    "reply_to_message": {"message_id": 2, "date": 0, "chat": chat},
}
press = {"id": "c", "from": user, "chat_instance": "i", "data": "y", "message": message}
gone = {**press, "message": {"message_id": 1, "date": 0, "chat": chat}}
old, new = {"status": "member", "user": user}, {"status": "kicked", "user": user, "until_date": 0}
member = {"chat": chat, "from": user, "date": 5, "old_chat_member": old, "new_chat_member": new}
updates = [
    *({"message": message}, {"callback_query": press}, {"callback_query": gone}, {"my_chat_member": member}),
    *({"a_kind_of_tomorrow": {}}, {"message": {"message_id": 1}}, {"message": {**message, "document": {}}}),
]
told["updates"] = [read(types.Update, {"update_id": 1, **one}) for one in updates]
keyboard = types.InlineKeyboardMarkup.model_validate(rows)
told["call"] = repr(methods.SendMessage(chat_id=7, text="x", reply_markup=keyboard).model_dump(warnings=False))
session, bot, answered = AiohttpSession(), Bot("1:a"), []
updates = [{"update_id": n, **one} for n, one in enumerate(updates[:5])]
for method, status, answer in (
    (methods.GetMe(), 200, {"ok": True, "result": user}),
    (methods.GetUpdates(), 200, {"ok": True, "result": updates}),
    (methods.SendMessage(chat_id=7, text="x"), 200, {"ok": True, "result": message}),
    (methods.EditMessageText(text="x"), 200, {"ok": True, "result": message}),
    (methods.EditMessageText(text="x"), 200, {"ok": True, "result": True}),
    (methods.DeleteMessage(chat_id=7, message_id=1), 200, {"ok": True, "result": True}),
    (methods.GetChatMember(chat_id=7, user_id=7), 200, {"ok": True, "result": new}),
    (methods.GetChatMemberCount(chat_id=7), 200, {"ok": True, "result": 5}),
    (methods.SendMessage(chat_id=7, text="x"), 429, {
        "ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 3},
    }),
    (methods.SendMessage(chat_id=7, text="x"), 403, {"ok": False, "error_code": 403, "description": "blocked"}),
    (methods.SendMessage(chat_id=7, text="x"), 200, {"ok": True, "result": True}),
    (methods.GetUpdates(), 200, {"ok": True, "result": {}}),
):
    try:
        result = session.check_response(bot, method, status, json.dumps(answer)).result
        answered.append(repr(result))
        assert not isinstance(result, types.Message) or (result.bot is bot and result.document.bot is bot)
    except Exception as error:
        answered.append(f"{type(error).__name__} {error}")
for one in models:
    if issubclass(one, methods.TelegramMethod) and one is not methods.TelegramMethod:
        methods.Response[one.__returning__]
        assert eval(f"lambda: {one.__name__}", vars(aiogram.client.bot))() is one
print(json.dumps({"modules": modules, "answered": answered, "told": told}))
"""


def run(code: str, *, path: Path | None = None, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own: an import happens once."""
    inserted = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    return subprocess.run(
        [sys.executable, "-c", inserted + code], capture_output=True, text=True, check=check, env={**os.environ, **more}
    )


def side_by_side(*codes: str) -> list[Any]:
    """Run them at the same time, and return what each has printed as JSON."""
    with ThreadPoolExecutor() as threads:
        return [json.loads(done.stdout) for done in threads.map(run, codes)]


def test_every_type_is_the_one_that_the_plain_import_builds() -> None:
    """What each type and method reads, says of itself, refuses and in which words."""
    plain, light = side_by_side("import aiogram\n" + DESCRIBE, "import bot.services.telegram\n" + DESCRIBE)
    assert len(plain["told"]) > 550
    assert plain.pop("modules") > 700
    assert light.pop("modules") < 250
    assert [name for name, told in plain["told"].items() if light["told"][name] != told] == []
    assert light == plain
    assert [one.partition(" ")[0] for one in plain["answered"][-4:]] == [
        *("TelegramRetryAfter", "TelegramForbiddenError", "ClientDecodeError", "ClientDecodeError")
    ]


def test_a_name_that_a_package_does_not_have_is_missing() -> None:
    code = """
import bot.services.telegram, aiogram.client.bot, aiogram.methods, aiogram.types
print([hasattr(module, "SendMassage") for module in (aiogram.client.bot, aiogram.methods, aiogram.types)])
eval("lambda: SendMassage", vars(aiogram.client.bot))()
"""
    done = run(code, check=False)
    assert done.stdout == "[False, False, False]\n"
    assert "NameError: name 'SendMassage' is not defined" in done.stderr


@pytest.mark.parametrize("module", ["bot.handlers", "bot.demo.stand_in.server"])
def test_whoever_imports_aiogram_imports_it_light(module: str) -> None:
    imported = run(f"import {module}, sys\nprint(sum(name.startswith('aiogram.') for name in sys.modules))")
    assert int(imported.stdout) < 350


@pytest.mark.parametrize("trusted", [True, False])
async def test_aiohttp_trusts_whom_the_system_trusts(trusted: bool, tmp_path: Path) -> None:
    """A watchdog and a proxy are reached by its own context, whose certificates are read when it is first used."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server_tls, _ = certificate(tmp_path)
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_tls) as server:
        port = server.sockets[0].getsockname()[1]
        code = f"""
import asyncio, bot.services.telegram, aiohttp
async def ask():
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get("https://127.0.0.1:{port}") as response:
                print(response.status)
asyncio.run(ask())
"""
        more = {"SSL_CERT_FILE": str(tmp_path / "cert.pem")} if trusted else {}
        done = await asyncio.to_thread(run, code, check=False, **more)
    assert done.stdout == ("204\n204\n" if trusted else "")
    assert ("certificate verify failed" in done.stderr) is not trusted


def test_an_aiogram_that_builds_its_types_otherwise_is_imported_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "aiogram" / "types").mkdir(parents=True)
    (tmp_path / "aiogram" / "__init__.py").write_text("from . import methods, types\n")
    (tmp_path / "aiogram" / "methods.py").write_text(
        "from pydantic import BaseModel\nclass TelegramMethod(BaseModel): ...\nclass Response(BaseModel): ...\n"
    )
    (tmp_path / "aiogram" / "types" / "__init__.py").write_text(
        "from pydantic import BaseModel\n"
        "class TelegramObject(BaseModel): ...\n"
        "class Chat(TelegramObject):\n"
        "    id: int\n"
        "    type: str\n"
    )
    code = "import bot.services.telegram, aiogram.types\nprint(aiogram.types.Chat(id=1, type='x'))"
    done = run(code, path=tmp_path)
    assert done.stdout.strip() == "id=1 type='x'"
    assert done.stderr.count("aiogram's types are built at its import") == 1
    assert "Traceback" not in done.stderr


def test_where_no_type_can_be_built_late_all_are_built_at_once() -> None:
    """As a later pydantic might have it, whose placeholder does not call model_rebuild."""
    code = """
from pydantic._internal import _mock_val_ser
def refuse(*_): raise AttributeError("the placeholder builds nothing")
_mock_val_ser.MockValSer.__getattr__ = refuse
import bot.services.telegram, aiogram.types as types
print(sum(getattr(getattr(types, name), '__pydantic_complete__', False) for name in types.__all__))
"""
    done = run(code)
    assert int(done.stdout) > 400
    assert done.stderr.count("aiogram's types are built at its import") == 1
