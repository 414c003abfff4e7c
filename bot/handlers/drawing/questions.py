"""Asks an admin a question that the next typed message answers: one at a time, with an end and a Cancel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from aiogram.filters import Filter
from aiogram.types import Message

from bot.services.concurrency.tickets import Tickets

VALID_FOR = timedelta(minutes=5)
"""A message typed later was hardly meant as the answer."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked; `about` is for whoever asked, such as the id of a backup. `late`: answered too late."""

    kind: str
    about: tuple[int, ...] = ()
    late: bool = False


class Answers(Filter):
    """Lets through a typed message that answers a question of a kind; a command is never an answer, and ends it."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    async def __call__(self, message: Message, questions: Tickets[Question]) -> bool | dict[str, Question]:
        if message.from_user is None or message.text is None:
            return False
        ticket = questions.find(message.from_user.id)
        if ticket is None or ticket.value.kind != self.kind:
            return False
        questions.drop(ticket.id)
        if message.text.startswith("/"):
            return False
        return {"question": replace(ticket.value, late=questions.is_late(ticket))}
