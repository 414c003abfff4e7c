"""Asks questions that an admin answers with a typed message: one at a time per chat, with an end and a Cancel."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiogram.filters import Filter
from aiogram.types import Message

from bot.clock import Clock

VALID_FOR = timedelta(minutes=5)
"""A message typed later was hardly meant as the answer."""

_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked; `about` is for whoever asked, such as the id of a backup. `late` when it is no longer valid."""

    kind: str
    about: tuple[int, ...]
    asked_at: datetime
    late: bool = False


class Questions:
    """The open questions, by chat and person; a newer one takes the place of an older one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: OrderedDict[tuple[int, int], Question] = OrderedDict()

    def ask(self, chat_id: int, person_id: int, kind: str, *about: int) -> None:
        """Take the next message of that person in that chat as the answer."""
        self._open[(chat_id, person_id)] = Question(kind, about, self._clock())
        self._open.move_to_end((chat_id, person_id))
        while len(self._open) > _REMEMBERED:
            self._open.popitem(last=False)

    def drop(self, chat_id: int, person_id: int) -> None:
        """Ask no longer; nothing happens when nothing was asked."""
        self._open.pop((chat_id, person_id), None)

    def answered(self, chat_id: int, person_id: int, kind: str) -> Question | None:
        """Return the open question of that kind and close it; one that has timed out is `late`."""
        question = self._open.get((chat_id, person_id))
        if question is None or question.kind != kind:
            return None
        del self._open[(chat_id, person_id)]
        late = not timedelta() <= self._clock() - question.asked_at <= VALID_FOR
        return Question(question.kind, question.about, question.asked_at, late=late)


class Answers(Filter):
    """Lets through a typed message that answers a question of a kind; a command is never an answer, and ends it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    async def __call__(self, message: Message, questions: Questions) -> bool | dict[str, Question]:
        if message.from_user is None or message.text is None:
            return False
        question = questions.answered(message.chat.id, message.from_user.id, self.kind)
        if question is None or message.text.startswith("/"):
            return False
        return {"question": question}
