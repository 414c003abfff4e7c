"""A stand-in for Telegram that has troubles for as long as a visitor of the demo wants it to."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.demo.machine import whole_seconds
from bot.demo.phones import Person
from bot.demo.stand_in.calls import Call, CallStage
from bot.demo.stand_in.refusals import RefusalError, flood
from bot.demo.stand_in.server import Server
from bot.demo.stand_in.standin import StandIn
from bot.demo.stand_in.state import Chat, State


class TroubledServer(Server):
    """Refuses every call while it is down or its client is cut off, and files while uploads are limited."""

    def __init__(self, state: State, *, local: bool = False) -> None:
        super().__init__(state, local=local)
        self.down = False
        self.cut = False
        self.limited_until = 0.0  # of time.monotonic

    async def on_stage(self, call: Call, stage: CallStage) -> None:
        """Refuse what the troubles of the moment forbid."""
        if (self.down or self.cut) and stage is not CallStage.BODY:
            raise RefusalError(502, "Bad Gateway")
        left = whole_seconds(self.limited_until - time.monotonic())
        if left and stage is CallStage.CALL and call.method == "sendDocument":
            raise flood(left)
        await super().on_stage(call, stage)


class TroubledTelegram(StandIn):
    """The server, everybody on it, and its troubles."""

    make_server = TroubledServer
    _server: TroubledServer

    @property
    def down(self) -> bool:
        """Whether Telegram answers nobody, neither the bot nor people."""
        return self._server.down

    @property
    def limited_for(self) -> int:
        """Seconds for which files are refused with 429."""
        return whole_seconds(self._server.limited_until - time.monotonic())

    def set_down(self, down: bool) -> None:
        """Answer every call with 502, or none any more."""
        self._server.down = down
        self._state.changes.ring()

    def cut_off(self, cut: bool) -> None:
        """Let nothing of the bot through, while people notice nothing: their bot's server burns."""
        self._server.cut = cut

    def limit_uploads(self, seconds: float) -> None:
        """Refuse files with 429 from now on for so long; 0 ends it."""
        self._server.limited_until = time.monotonic() + seconds
        self._state.changes.ring()

    def chat_of(self, person: Person) -> Chat:
        """Return the conversation of a person with the bot."""
        return self._state.private_chat(self.bot().id, person.id)

    def standing(self, person: Person) -> str:
        """Return `member`, `new` (never pressed Start) or `kicked` (has blocked the bot)."""
        return self.chat_of(person).standing(self.bot().id).status

    async def look_again(self, condition: Callable[[], bool], *, within: float) -> bool:
        """Wait until a condition on anything here is true, at most so many seconds; tell whether it is."""
        return await self._state.changes.until(condition, within=within)
