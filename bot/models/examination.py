"""What an examination of the whole installation found, part by part."""

from __future__ import annotations

from dataclasses import dataclass

from bot.models.alarms import Alarm
from bot.models.status import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One part, as it stands: `part` names the kind of check for programs, `about` the thing for people.

    `said` is a sentence without its full stop; `mend`, empty where nothing is to be done, is whole.
    """

    part: str
    about: str
    condition: Condition
    said: str
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Everything that was looked at, in the order of the flow; rights and rooms are those of `user`.

    `alarms` are open, and no part until they were given their words.
    """

    user: str
    parts: tuple[Examined, ...]
    alarms: tuple[Alarm, ...] = ()

    @property
    def worst(self) -> Condition:
        """How the whole stands."""
        return max((one.condition for one in self.parts), default=Condition.GOOD)
