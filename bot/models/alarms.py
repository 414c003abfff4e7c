"""Alarms: one trouble from its beginning to its end, in codes and figures; `bot/texts/alarms.py` has the words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.models.reasons import Facts, Reason


class AlarmKind(StrEnum):
    """What is wrong; those about one database or recipient have its name or address as their subject."""

    RUN = "run"  # the newest run made no backup
    SKIPPED = "skipped"  # a database is not in the newest backup
    GONE = "gone"  # the same, and a glob found it before
    SHRUNKEN = "shrunken"  # it holds much less than before
    STALE = "stale"  # the newest good backup is too old
    LOST = "lost"  # archives are gone from the disk or damaged there
    DRILL = "drill"  # the newest test-restore failed
    UNREACHABLE = "unreachable"
    DISK = "disk"
    CLOCK = "clock"
    CONFLICT = "conflict"  # somebody else polls with this token
    TOKEN = "token"  # noqa: S105 - Telegram refuses it
    NEW_BOT = "new bot"
    LOCAL_FILES = "local files"  # a Bot API server of one's own keeps its files where they can't be read


MANY = "*"
"""The subject of an alarm about more databases than are named one by one."""


class AlarmEnding(StrEnum):
    """How an alarm ended."""

    MENDED = ""
    ELSEWISE = "elsewise"  # the same database is in other trouble now
    ONE_BY_ONE = "one by one"  # the databases that are left of many have alarms of their own
    NOT_NAMED = "not named"  # DATABASES names it no more, or nothing is sent there
    NOTHING_LEFT = "nothing left"  # no database is expected any more
    UNWATCHED = "unwatched"  # by a setting


class AlarmAct(StrEnum):
    """What an admin can do about an alarm by its buttons."""

    ACCEPT = "right"
    LATER = "later"
    RESTORE = "restore"
    RESUME = "resume"
    AGAIN = "again"  # back up now
    SHOW = "show"  # the state of all databases
    OPEN = "open"  # the backup that it is about
    INVITE = "invite"  # who has to press Start


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One trouble from its beginning to its end. While it is open, no other one has its key (`skipped:users.db`).

    `facts` is what the trouble is, `acted` what an admin has done about it last (`act`, `by`), both for texts to put
    into words. `accepted` tells that a person ended it. `base` is whatever the alarm is measured against, in the words
    of who raised it.
    """

    id: str
    key: str
    began_at: datetime
    facts: Facts = ()
    acted: Facts = ()
    ended_at: datetime | None = None
    ending: AlarmEnding = AlarmEnding.MENDED
    accepted: bool = False
    base: str = ""

    @property
    def kind(self) -> str:
        return self.key.partition(":")[0]

    @property
    def subject(self) -> str:
        return self.key.partition(":")[2]

    @property
    def is_of_many(self) -> bool:
        return self.subject == MANY

    def fact(self, name: str) -> str:
        """Return a fact; empty where it is not known, as of alarms that an earlier version raised."""
        return next((str(value) for key, value in self.facts if key == name), "")

    def number(self, name: str) -> int:
        """Return a figure; 0 where it is not known."""
        return next((value for key, value in self.facts if key == name and isinstance(value, int)), 0)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every fact of a name."""
        return tuple(str(value) for key, value in self.facts if key == name)

    @property
    def why(self) -> Reason:
        """What caused it; empty where that is not known."""
        return Reason(self.fact("cause"), self.facts)

    @property
    def acted_by(self) -> str:
        """Who ended it, or acted on it last."""
        return next((str(value) for key, value in self.acted if key == "by"), "")

    @property
    def act(self) -> str:
        """What was done about it last."""
        return next((str(value) for key, value in self.acted if key == "act"), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmNotice:
    """How one listener knows of an alarm: a recipient by its address, or a phone by the fingerprint of its URL.

    `message_id` is None until it was told. `reminded_at` is when it was last told aloud, `quiet_until` when the
    listener wants to be reminded next at the earliest, `shown` the fingerprint of what the message says. With `done`
    nothing more is to be told.
    """

    alarm_id: str
    address: str
    message_id: int | None = None
    sent_at: datetime | None = None
    reminded_at: datetime | None = None
    quiet_until: datetime | None = None
    shown: str = ""
    done: bool = False


KEEP_ENDED = timedelta(days=90)
"""How long the catalogue keeps alarms that are over."""
