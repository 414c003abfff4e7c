"""A call the Bot API doesn't document fails loudly."""

from typing import Any

import aiohttp
import pytest

from tests.world.phones import Person
from tests.world.stand_in import StandIn


async def post(standin: StandIn, method: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    url = f"{standin.url}/bot{standin.bot().token}/{method}"
    async with aiohttp.ClientSession() as session, session.post(url, json=fields) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("method", "fields", "violation"),
    [
        ("sendMessage", {"chat_id": 11, "text": "x", "colour": "red"}, "sendMessage: unknown parameter 'colour'"),
        ("sendMessage", {"chat_id": 11}, "sendMessage: text: Field required"),
        ("deleteMessage", {"chat_id": 11, "message_id": "x"}, "deleteMessage: message_id: Input should be"),
        (
            "sendMessage",
            {"chat_id": 11, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": "x", "callback": "y"}]]}},
            "sendMessage: reply_markup.inline_keyboard: unknown field 'callback'",
        ),
        (
            "sendDocument",
            {"chat_id": 11, "document": "attach://nothing"},
            "sendDocument: document: nothing is attached",
        ),
    ],
)
async def test_a_wrong_call_is_recorded_and_refused(
    standin: StandIn, ann: Person, method: str, fields: dict[str, Any], violation: str
) -> None:
    """Unknown parameters at any depth, missing ones, wrong types and absent attachments."""
    status, answer = await post(standin, method, **fields)
    assert status == 400
    assert not answer["ok"]
    assert [line[: len(violation)] for line in standin.violations] == [violation]
    assert ann.messages == []
    standin.violations.clear()


async def test_method_names_have_no_case(standin: StandIn, ann: Person) -> None:
    """The server doesn't mind how a method is written, and the log has its proper name."""
    status, answer = await post(standin, "SENDmessage", chat_id="11", text="x")
    assert (status, answer["result"]["text"]) == (200, "x")
    assert [call.method for call in standin.calls] == ["sendMessage"]


async def test_other_addresses_are_not_found(standin: StandIn) -> None:
    """Whatever is no bot's address answers 404 as JSON."""
    async with aiohttp.ClientSession() as session, session.get(f"{standin.url}/elsewhere") as answer:
        assert (answer.status, (await answer.json())["description"]) == (404, "Not Found")


async def test_calls_hold_no_token(standin: StandIn, ann: Person) -> None:
    """The log of calls can be printed."""
    await post(standin, "sendMessage", chat_id=11, text="x")
    assert standin.bot().token not in repr(standin.calls)
    assert standin.bot().token not in repr(standin.bot())
