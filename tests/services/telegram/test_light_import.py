"""aiogram imported without building its types: the same types, each built at its first use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

DESCRIBE = """
import json
import re
import aiogram.client.session.base
from aiogram import Bot, methods, types
from aiogram.client.session.aiohttp import AiohttpSession
from pydantic import BaseModel

models = [getattr(room, name) for room in (methods, types) for name in room.__all__]
models = [one for one in models if isinstance(one, type) and issubclass(one, BaseModel)]
built = sum(one.__pydantic_complete__ for one in models if one.__module__.startswith("aiogram.types."))
fields = {}
for one in models:
    one.model_rebuild()
    assert one.__pydantic_complete__
    fields[one.__name__] = re.sub(" at 0x[0-9a-f]+", "", repr(one.model_fields))

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
old, new = {"status": "member", "user": user}, {"status": "kicked", "user": user, "until_date": 0}
member = {"chat": chat, "from": user, "date": 5, "old_chat_member": old, "new_chat_member": new}
updates = [{"message": message}, {"callback_query": press}, {"my_chat_member": member}, {"a_kind_of_tomorrow": {}}]
answers = [repr(types.Update.model_validate({"update_id": 1, **one})) for one in updates]
keyboard = types.InlineKeyboardMarkup.model_validate(rows)
call = repr(methods.SendMessage(chat_id=7, text="x", reply_markup=keyboard).model_dump(warnings=False))
faults = []
for wrong in ({"update_id": "x"}, {"update_id": 1, "message": {"message_id": 1}}):
    try:
        types.Update.model_validate(wrong)
    except ValueError as error:
        faults.append(str(error))
session, bot, answered = AiohttpSession(), Bot("1:a"), []
for method, status, answer in (
    (methods.GetMe(), 200, {"ok": True, "result": user}),
    (methods.GetUpdates(), 200, {"ok": True, "result": [{"update_id": n, **one} for n, one in enumerate(updates)]}),
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
        assert not isinstance(result, types.Message) or result.bot is bot
    except Exception as error:
        answered.append(f"{type(error).__name__} {'' if 'Decode' in type(error).__name__ else error}")
for one in models:
    if issubclass(one, methods.TelegramMethod) and one is not methods.TelegramMethod:
        aiogram.client.session.base.Response[one.__returning__]
told = {"answered": answered, "built": built, "fields": fields, "answers": answers, "call": call, "faults": faults}
print(json.dumps(told))
"""


def run(code: str, *, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run it in a process of its own: an import happens once."""
    inserted = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    return subprocess.run([sys.executable, "-c", inserted + code], capture_output=True, text=True, check=True)


def test_every_type_is_the_one_that_the_plain_import_builds() -> None:
    plain = json.loads(run("import aiogram\n" + DESCRIBE).stdout)
    light = json.loads(run("import bot.services.telegram\n" + DESCRIBE).stdout)
    assert len(plain["fields"]) > 400
    assert plain.pop("built") > 400
    assert light.pop("built") < 30
    assert light == plain
    assert len(plain["faults"]) == 2
    assert [one.partition(" ")[0] for one in plain["answered"][-4:]] == [
        *("TelegramRetryAfter", "TelegramForbiddenError", "ClientDecodeError", "ClientDecodeError")
    ]


@pytest.mark.parametrize("module", ["bot.handlers", "bot.demo.stand_in.server"])
def test_whoever_imports_aiogram_imports_it_light(module: str) -> None:
    built = run(
        f"import {module}, aiogram.types as types\n"
        "print(sum(getattr(getattr(types, name), '__pydantic_complete__', False) for name in types.__all__))"
    )
    assert int(built.stdout) < 30


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
