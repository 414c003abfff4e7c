"""Deliveries: recipients, what was confirmed, what is owed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.models.reasons import NO_REASON, Reason

AUTO_TOPIC = -1
"""In the place of a topic's number: the topic of this server, which is made when it is first needed."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Recipient:
    """Who or what receives: a chat, a topic in it, or a `place` outside Telegram (`chat_id` is then 0).

    `address` is the setting's form: 77, -100…, -100…/42, -100…/auto, s3://bucket/prefix, mail:ops@example.org. It holds
    no secret.
    """

    chat_id: int = 0
    thread_id: int | None = None
    place: str = ""

    @property
    def address(self) -> str:
        if self.place:
            return self.place
        if self.thread_id is None:
            return str(self.chat_id)
        return f"{self.chat_id}/{'auto' if self.is_auto else self.thread_id}"

    @property
    def called(self) -> str:
        """What it is called where its name is not known: `user 77`, `chat -100…`; a place as it is."""
        return self.address if self.place else f"{'user' if self.is_private else 'chat'} {self.address}"

    @property
    def is_auto(self) -> bool:
        """Whether it is the topic of this server, and that has yet to be made."""
        return self.thread_id == AUTO_TOPIC

    @property
    def is_private(self) -> bool:
        return self.chat_id > 0

    @property
    def is_chat(self) -> bool:
        return not self.place

    @property
    def is_mailbox(self) -> bool:
        return self.place.startswith("mail:")

    @property
    def reads_notices(self) -> bool:
        """Whether people read there; an object store takes archives alone."""
        return self.is_chat or self.is_mailbox


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    PARKED = "parked"
    SUPERSEDED = "superseded"
    NOT_DUE = "not due"  # never owed: by the recipient's own choice, or because it has the same bytes already

    @property
    def settled(self) -> bool:
        """Whether nothing is owed any more."""
        return self in (DeliveryState.SENT, DeliveryState.SUPERSEDED, DeliveryState.NOT_DUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentVolume:
    """A volume that Telegram confirmed to one recipient.

    `deleted_at` is when its message was tidied away, `undeletable` the code why Telegram would not do so.
    """

    number: int
    message_id: int
    sent_at: datetime
    deleted_at: datetime | None = None
    undeletable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One backup to one recipient: a row of the ledger. `attempts` counts failures only, waits never."""

    backup_id: int
    recipient: Recipient
    state: DeliveryState
    attempts: int = 0
    next_try_at: datetime | None = None
    reason: Reason = NO_REASON  # what is in the way, or why it is settled as it is
    sent_at: datetime | None = None
    volumes: tuple[SentVolume, ...] = ()

    @property
    def told_only(self) -> bool:
        """Whether the recipient was told where the archive lies, and does not have it; `reason` says why."""
        return self.state is DeliveryState.SENT and bool(self.reason)

    @property
    def received(self) -> bool:
        """Whether the recipient has the archive itself."""
        return self.state is DeliveryState.SENT and not self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientStatus:
    """What is known of a recipient: `parked_reason` is empty when it can be reached, else so since `parked_since`.

    One who is `invited` has yet to press Start for the first time, which is nobody's trouble: added in the chat, or in
    the settings not long ago.
    """

    recipient: Recipient
    name: str = ""
    parked_reason: Reason = NO_REASON
    parked_since: datetime | None = None
    last_sent_at: datetime | None = None
    owed: int = 0
    invited: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reachability:
    """Whether a recipient takes messages now: `trouble` is what is in the way, empty when it is reachable.

    `unchecked` is what can't be known without a message, empty where nothing is left open.
    """

    recipient: Recipient
    name: str
    trouble: Reason
    unchecked: Reason = NO_REASON
