"""Asks who sits at a terminal, by questionary; where nobody does, says which option gives the answer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from bot.errors import AbortedError, SettingsError

if TYPE_CHECKING:
    from questionary import Choice, Question

T = TypeVar("T")

Check = Callable[[str], str]
"""Says what is wrong with a text, in a sentence; empty where nothing is."""

_BESIDE = 8  # columns before the title of a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Line(Generic[T]):
    """A line to choose; one with `why_not` can't be."""

    title: str
    value: T
    ticked: bool = False
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Every question has an option that answers it beforehand, `flag`; without a `terminal` that is the only way.

    Whoever ends a question with Ctrl-C ends the command: `AbortedError`.
    """

    terminal: bool

    async def secret(self, question: str, *, flag: str, check: Check) -> str:
        """Read a line without echo, until `check` finds nothing wrong with it."""
        self.require(question, flag)
        import questionary  # noqa: PLC0415 - an extra, which `setup` alone needs

        return str(await _answer(questionary.password(question, validate=_valid(check)))).strip()

    async def text(self, question: str, *, flag: str, check: Check, default: str = "") -> str:
        """Read a line, until `check` finds nothing wrong with it."""
        self.require(question, flag)
        import questionary  # noqa: PLC0415

        return str(await _answer(questionary.text(question, default=default, validate=_valid(check)))).strip()

    async def choose(self, question: str, lines: Sequence[Line[T]], *, flag: str) -> T:
        """Return the value of one line; the cursor begins at the first."""
        self.require(question, flag)
        import questionary  # noqa: PLC0415

        chosen: T = await _answer(questionary.select(question, choices=_choices(lines), pointer=">"))
        return chosen

    async def tick(self, question: str, lines: Sequence[Line[T]], *, flag: str, empty: str) -> list[T]:
        """Return the values of the lines that are ticked, one at least: else `empty` is said."""
        self.require(question, flag)
        import questionary  # noqa: PLC0415

        def some(values: list[str]) -> bool | str:  # they are of any type
            return bool(values) or empty

        asked = questionary.checkbox(
            question,
            choices=_choices(lines, ticks=True),
            validate=some,
            pointer=">",
            instruction="(space ticks, Enter goes on)",
        )
        chosen: list[T] = await _answer(asked)
        return chosen

    async def confirm(self, question: str, *, flag: str, default: bool) -> bool:
        self.require(question, flag)
        import questionary  # noqa: PLC0415

        return bool(await _answer(questionary.confirm(question, default=default)))

    def require(self, question: str, flag: str) -> None:
        """Raise `SettingsError` where there is nobody to ask."""
        if not self.terminal:
            raise SettingsError(
                (f"There is no terminal to ask on: {question.rstrip(':? ')}?",), hint=f"Answer it with {flag}."
            )


def width() -> int:
    """Return how many columns the title of a line may have."""
    return max(40, shutil.get_terminal_size().columns - _BESIDE)


def _choices(lines: Sequence[Line[Any]], *, ticks: bool = False) -> list[Choice]:
    import questionary  # noqa: PLC0415

    return [
        questionary.Choice(line.title, value=line.value, disabled=line.why_not or None, checked=ticks and line.ticked)
        for line in lines
    ]


def _valid(check: Check) -> Callable[[str], bool | str]:
    return lambda text: check(text.strip()) or True


async def _answer(question: Question) -> Any:  # noqa: ANN401 - the value of whatever line was chosen
    try:
        return await question.unsafe_ask_async()
    except (KeyboardInterrupt, EOFError):
        raise AbortedError("Setup was ended by Ctrl-C.") from None
