"""The buttons of a restore: boxes to tick, the red one, the second confirmation, undo."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from aiogram.enums import ButtonStyle
from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardMarkup
from pydantic import Field

from bot.handlers.drawing.keyboards import (
    TO_MENU,
    BackupAct,
    back_row,
    button,
    keyboard,
    of_backup,
    page_of,
    turn_pages,
)
from bot.models import PendingRestore, RestoreAct, RestoreResult
from bot.services.contracts.destination import NoticeButton
from bot.services.restore_chat.choices import RestoreChoice
from bot.texts.markup import cut, one_line
from bot.texts.restore_plan import ACTS


class RestoreStep(StrEnum):
    CHOOSE = "choose"
    TOGGLE = "tick"
    ALL = "all"
    PLAN = "plan"
    ASK = "ask"
    YES = "yes"
    CANCEL = "no"
    UNDO = "undo"


class Restore(CallbackData, prefix="rst"):
    """A step of a restore; `source` is the short id of what it is about: an offer, a choice, a plan, a restore."""

    step: RestoreStep
    source: Annotated[str, Field(pattern=r"^[ocpr][0-9a-z]{1,20}$")]
    item: Annotated[int, Field(ge=0, lt=2**31)] = 0


CHOICES_PER_PAGE = 20
"""Databases on one page of a choice; Telegram takes a hundred buttons under a message."""


def restore_choice(choice: RestoreChoice, page: int) -> InlineKeyboardMarkup:
    """Return the databases as boxes to tick, and the way to the plan."""

    def step(what: RestoreStep, item: int = 0) -> Restore:
        return Restore(step=what, source=choice.id, item=item)

    page, names, more = page_of(choice.names, page, CHOICES_PER_PAGE)
    boxes = [
        [
            button(
                f"{'☑️' if number in choice.chosen else '▫️'} {cut(one_line(name), 40)}", step(RestoreStep.TOGGLE, number)
            )
        ]
        for number, name in enumerate(names, start=page * CHOICES_PER_PAGE)
    ]
    every = "Untick all" if len(choice.chosen) == len(choice.names) else "Tick all"
    back = of_backup(BackupAct.OPEN, choice.backup) if choice.backup is not None else None
    return keyboard(
        *boxes,
        turn_pages(page, lambda number: step(RestoreStep.CHOOSE, number), more=more),
        [button(every, step(RestoreStep.ALL, page))],
        [button("📋 Show the plan", step(RestoreStep.PLAN), ButtonStyle.PRIMARY)],
        back_row("Back", back) if back is not None else TO_MENU,
    )


def preparing_restore() -> InlineKeyboardMarkup:
    """Return the way out of a plan in the making."""
    return keyboard([button("Cancel", Restore(step=RestoreStep.CANCEL, source="c0"))])


def restore_plan(plan_id: str, act: RestoreAct) -> InlineKeyboardMarkup:
    """Return the red button under a plan."""
    words = f"{ACTS[act]}{'' if act is RestoreAct.RESTORE else ' the restore'}…"
    red = button(words, Restore(step=RestoreStep.ASK, source=plan_id), ButtonStyle.DANGER)
    return keyboard([red], [button("Cancel", Restore(step=RestoreStep.CANCEL, source=plan_id))])


def sure_to_replace(plan_id: str) -> InlineKeyboardMarkup:
    """Return the second step."""
    return keyboard(
        [button("⚠️ Yes, replace", Restore(step=RestoreStep.YES, source=plan_id), ButtonStyle.DANGER)],
        [button("Cancel", Restore(step=RestoreStep.CANCEL, source=plan_id))],
    )


def plan_gone(choice_id: str) -> InlineKeyboardMarkup:
    """Return the ways on from a plan that can't be confirmed any more."""
    again = Restore(step=RestoreStep.PLAN, source=choice_id) if choice_id else None
    return keyboard([button("🔄 Make a new plan", again)] if again is not None else None, TO_MENU)


def restored(result: RestoreResult) -> InlineKeyboardMarkup:
    """Return what can be done after a restore, or after one was undone."""
    back = button(ACTS[result.act.next], Restore(step=RestoreStep.UNDO, source=f"r{result.id}"), ButtonStyle.DANGER)
    return keyboard([back] if result.undoable else None, TO_MENU)


def undo_cut_off(pending: PendingRestore) -> tuple[NoticeButton, ...]:
    """Return what can be answered to the word that a restore was cut off: nothing where it has changed nothing."""
    if not pending.undoable:
        return ()
    undo = Restore(step=RestoreStep.UNDO, source=f"r{pending.id}")
    return (NoticeButton(text=ACTS[RestoreAct.UNDO], data=undo.pack()),)
