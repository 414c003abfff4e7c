"""Defines the interfaces of a destination and of a channel for notices, and the outcomes of a delivery.

Every outcome carries a code and its facts, never a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bot.models import NO_REASON, OutcomeCode, Reachability, Reason, Recipient, Volume
from bot.words.outcomes import reason_words


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A volume that was confirmed.

    `file_id` lets it be sent again without its bytes; empty where the destination knows no such thing. `sha256` is that
    of the bytes that went out, empty when it went by file_id. `remark` is what else than the archive was taken; empty
    as a rule.
    """

    message_id: int = 0
    file_id: str = ""
    sha256: str = ""
    remark: Reason = NO_REASON


class Outcome(Exception):  # noqa: N818 - the answers of a destination, named as the ledger speaks of them
    """Not delivered, and what that means for the delivery."""

    def __init__(self, code: OutcomeCode, **facts: str | int) -> None:
        self.code = code
        self.facts: dict[str, Any] = facts
        self.reason = Reason(code, tuple(facts.items()))
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """What the log and errors say; fit to follow a recipient's name and a colon."""
        return reason_words(self.reason)


class Wait(Outcome):
    """The destination wants to be left alone for `seconds`."""

    def __init__(self, code: OutcomeCode, *, seconds: int) -> None:
        super().__init__(code, seconds=seconds)
        self.seconds: float = seconds


class Parked(Outcome):
    """A person must do something before this recipient can be served."""


class TopicGone(Parked):
    """The topic was deleted. One that we have made ourselves is made anew."""


class Migrated(Outcome):
    """The group is a supergroup now."""

    def __init__(self, code: OutcomeCode, *, new_chat_id: int) -> None:
        super().__init__(code)
        self.new_chat_id = new_chat_id


class StaleFile(Outcome):
    """The file_id is not known; only raised where one was given."""


class DoubtfulFile(StaleFile):
    """A refusal that nobody has listed, of a send by file_id: it may be about the file_id, or about anything else."""


class Unfit(Outcome):
    """No retry helps: the text is too long, or its markup can't be read."""


class Unanswered(Outcome):
    """The whole volume went out again and again, and the answer was lost each time: it has probably arrived."""


class TooLarge(Outcome):
    """No retry helps; a setting does."""


class ArchiveGone(Outcome):
    """The archive is missing, shorter than its volumes say, or unreadable; nothing was delivered."""


class Transient(Outcome):
    """A trouble that passes. `ambiguous`: everything was sent and no answer came, so it may have been delivered."""

    def __init__(self, code: OutcomeCode, *, ambiguous: bool = False, **facts: str | int) -> None:
        super().__init__(code, **facts)
        self.ambiguous = ambiguous


class MessageGone(Outcome):
    """The message is gone, or can't be edited any more."""


class Undeletable(MessageGone):
    """Telegram refuses to delete the message, now and later."""


class NotModified(Outcome):
    """The message is already as it was asked to be."""


class Refused(Outcome):
    """The destination doesn't accept us at all (a wrong token, wrong credentials): it is the same for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeButton:
    """A button under a notice; `data` is what its press brings back, at most 64 bytes.

    One that `copies` puts that on the clipboard instead, at most 256 characters, also when no bot hears it any more.
    `style` colours it where an app knows how: `primary` for the main button, `danger` for what can't be taken back.
    """

    text: str
    data: str = ""
    style: str = ""
    copies: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A text (HTML) with buttons under it. `answers` is the id of an older message that it belongs to."""

    html: str
    silent: bool = True
    buttons: tuple[NoticeButton, ...] = ()
    answers: int | None = None


CountBytes = Callable[[int], None]
"""Is told how many bytes a connection has taken or brought since the last call."""


def nothing(_count: int) -> None:
    """Take no notice of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What one recipient reads under a volume (HTML), and what can be pressed there."""

    html: str
    buttons: tuple[NoticeButton, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingVolume:
    """A volume as it is sent. `caption` is HTML, `buttons` are what can be pressed under it in a chat. With `file_id`
    no bytes of the archive are read.

    What `on_bytes` is told reaches `volume.bytes` in sum only when no byte is left to send.
    """

    volume: Volume
    caption: str
    silent: bool
    file_id: str = ""
    buttons: tuple[NoticeButton, ...] = ()
    on_bytes: CountBytes = nothing


class ArchiveDestination(Protocol):
    """A place that takes archives. What is awaited raises an `Outcome` when it fails.

    Only Telegram raises `Refused`: wrong credentials elsewhere park that one recipient, and are nobody else's trouble.
    """

    def cut(self, recipient: Recipient, archive: Path, archive_bytes: int) -> tuple[Volume, ...] | None:
        """Say in which volumes this recipient takes an archive; None for those that all chats share."""
        ...

    async def send_volume(self, recipient: Recipient, outgoing: OutgoingVolume) -> Sent:
        """Return once the destination confirmed the volume."""
        ...

    async def check_reachable(self, recipient: Recipient) -> None:
        """Return when nothing but a message can tell more; none is shown. That is no proof: only what arrives is."""
        ...

    async def probe(self, recipient: Recipient) -> Reachability:
        """Say whether the recipient takes messages now, and its name where it has one; raises `Refused` only."""
        try:
            await self.check_reachable(recipient)
        except Outcome as outcome:
            return Reachability(recipient=recipient, name="", trouble=outcome.reason)
        return Reachability(recipient=recipient, name="", trouble=NO_REASON)


class TopicMaker(Protocol):
    """The groups of one bot, as far as topics go."""

    async def create_topic(self, chat_id: int, name: str) -> int:
        """Make a topic in a group; return its number. Raises an `Outcome`."""
        ...


class NoticeChannel(Protocol):
    """A place where people read notices. Every method raises an `Outcome` when it fails."""

    async def send(self, recipient: Recipient, notice: Notice) -> int:
        """Send a notice with its buttons and return its message id; 0 where messages have none."""
        ...

    async def edit(self, recipient: Recipient, message_id: int, notice: Notice) -> None:
        """Put a notice in the place of one, without a sound; raises `MessageGone` where there is none to edit.

        Where nothing that was sent can change, nothing happens.
        """
        ...

    async def delete(self, recipient: Recipient, message_id: int) -> None:
        """Take a notice off the phones, as far as the place allows it; raises `MessageGone` where it no longer does."""
        ...
