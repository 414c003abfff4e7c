"""The stand-in of the demo, and what only tests need of a server: faults, groups, tokens that are revoked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bot.demo.stand_in import standin, updates
from bot.demo.stand_in.calls import Call, CallStage
from bot.demo.stand_in.state import Chat, Json
from tests.world.faults import Fault, FaultyServer, Gate, Rule, delay
from tests.world.groups import Group
from tests.world.phones import Person


class StandIn(standin.StandIn):
    """The server and everybody on it; `rate_limits` bounds what is sent into a chat."""

    make_server = FaultyServer
    make_person = Person
    _server: FaultyServer

    def __init__(self, *, local: bool = False, rate_limits: bool = False, port: int = 0) -> None:
        super().__init__(local=local, port=port)
        self._server.limits = rate_limits
        self.people: dict[int, Person] = {}

    def revoke_token(self, token: str) -> None:
        """From now on 401."""
        del self._state.bots[token]

    def add_user(self, user_id: int, name: str = "Ann", *, started: bool = True) -> Person:
        person = super().add_user(user_id, name, started=started)
        assert isinstance(person, Person)
        self.people[user_id] = person
        return person

    def add_group(
        self, chat_id: int, *, members: Iterable[Person] = (), is_forum: bool = False, bot_status: str = "member"
    ) -> Group:
        """A group with every bot there is so far in it; its kind follows from the id. The first member owns it."""
        people = list(members)
        kind = "supergroup" if str(chat_id).startswith("-100") else "group"
        # Number 1 of a forum is General, whose id no message may take.
        chat = Chat(chat_id, kind, "Admins", is_forum=is_forum, next_id=2 if is_forum else 1)
        chat.members = {person.id: "creator" if index == 0 else "member" for index, person in enumerate(people)}
        self._state.groups[chat_id] = chat
        for bot in self._state.bots.values():
            chat.standing(bot.id).status = bot_status
        return Group(self._state, chat, people[0].id if people else self.bot().id)

    def inject(
        self,
        fault: Fault,
        method: str | None = None,
        *,
        chat_id: int | None = None,
        when: Callable[[Call], bool] | None = None,
        nth: int = 1,
        times: int | None = 1,
    ) -> Rule:
        """Let matching calls go wrong, from the nth on, so many times (None: always). Earlier rules strike first.

        `method` None means every method, getUpdates included. Raises ValueError where chat_id or `when` could never
        be known: at ARRIVAL the parameters were not read.
        """
        if fault.stage is CallStage.ARRIVAL and (chat_id is not None or when is not None):
            raise ValueError("nothing but the method is known when a call arrives")
        rule = Rule(fault, self._state.changes, method, chat_id, when, nth, times)
        self._server.rules.append(rule)
        return rule

    def hold(
        self, method: str, *, chat_id: int | None = None, stage: CallStage = CallStage.CALL, times: int | None = None
    ) -> Gate:
        """Hold matching calls until the gate given back is opened; at ANSWER they are carried out first."""
        gate = Gate(self._state.changes)
        self.inject(delay(gate=gate, stage=stage), method, chat_id=chat_id, times=times)
        return gate

    def set_version(self, major: int, minor: int) -> None:
        """From now on the server is one of that version of the Bot API, and knows nothing that came later."""
        self._state.version = (major, minor)

    def clear_faults(self) -> None:
        """Everything works again; what is held stays held until its gate opens."""
        self._server.rules.clear()

    def queue_update(self, kind: str, content: Json, token: str | None = None) -> None:
        """Put an update into a bot's queue as it stands, whatever is in it."""
        updates.queue_update(self._state, self.bot(token), kind, content)

    def forget_files(self, token: str | None = None) -> None:
        """Make every file_id that bot knows stale."""
        self.bot(token).files.clear()
