"""Values of the vocabulary as a service in use would have them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.demo.stand_in.content import MARKUP_BYTES
from bot.models import (
    NO_REASON,
    OTHER,
    BackedUp,
    Backup,
    BackupState,
    DatabaseStatus,
    Delivery,
    DeliveryState,
    Examination,
    Health,
    Heartbeat,
    OutcomeCode,
    Reachability,
    Reason,
    Recipient,
    RecipientStatus,
    ServiceState,
    SkippedRecord,
    SkipReason,
    Status,
    SuccessRate,
    Trigger,
    Volume,
)
from bot.services.doctor.parts import good, look, wrong
from bot.texts.markup import MESSAGE_LIMIT, length, plain
from tests.world.values import backed_up

NOW = datetime(2026, 7, 13, 12, 37, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NASTY = "<b>&\u202e'shop\"\n\udcff😀>" + "x" * 200 + ".db"
"""A file name that breaks HTML, lines, direction and encoding, and is too long for everything."""


def database(name: str = "users.db", **fields: Any) -> BackedUp:
    values: dict[str, Any] = {
        "sha256": "5e" * 32,
        "bytes": 1_200_000,
        "compressed_bytes": 300_000,
        "page_count": 293,
        "user_version": 3,
        "taken_at": NOW - timedelta(minutes=37),
    }
    return backed_up(name, **values | fields)


def skipped(name: str = "shop.db", detail: str = "It is damaged: database disk image is malformed.") -> SkippedRecord:
    return SkippedRecord(
        name=name, path=f"/srv/{name}", reason=SkipReason.DAMAGED, why=Reason(OTHER, (("said", detail),))
    )


def backup(number: int = 1, **fields: Any) -> Backup:
    started = NOW - timedelta(minutes=37)
    values: dict[str, Any] = {
        "id": number,
        "started_at": started,
        "finished_at": started + timedelta(seconds=1.2),
        "trigger": Trigger.SCHEDULE,
        "requested_by": "the schedule",
        "state": BackupState.DELIVERED,
        "archive_name": "database_backup_20260713_120000.zip",
        "archive_bytes": 780_000,
        "archive_sha256": "1f" * 32,
        "databases": (database("users.db"), database("analytics.db")),
        "on_disk": True,
    }
    return Backup(**values | fields)


def failed(number: int = 2, error: str = "The disk is full.", **fields: Any) -> Backup:
    gone = {"archive_name": "", "archive_bytes": 0, "archive_sha256": "", "databases": (), "on_disk": False}
    return backup(
        number,
        **{"state": BackupState.FAILED, "error": Reason(OTHER, (("said", error),)), "error_code": "no-space"}
        | gone
        | fields,
    )


def volume(number: int = 1, total: int = 1) -> Volume:
    archive = Path("/backups/database_backup_20260713_120000.zip")
    name = archive.name if total == 1 else f"{archive.name}.{number:03}"
    return Volume(archive=archive, name=name, number=number, total=total, offset=0, bytes=780_000)


def delivery(
    chat_id: int, state: DeliveryState = DeliveryState.SENT, reason: Reason = NO_REASON, **fields: Any
) -> Delivery:
    return Delivery(backup_id=1, recipient=Recipient(chat_id=chat_id), state=state, reason=reason, **fields)


MUST_START = delivery(77, DeliveryState.PARKED, Reason(OutcomeCode.NOT_STARTED))


def status(**fields: Any) -> Status:
    last: Backup | None = fields.get("latest_proven", backup())
    databases: Sequence[BackedUp] = last.databases if last else ()
    values: dict[str, Any] = {
        "state": ServiceState.RUNNING,
        "state_reason": NO_REASON,
        "now": NOW,
        "heartbeat": Heartbeat(at=NOW, pid=1, started_at=NOW, next_run_at=None, stopped=False),
        "next_run_at": NOW + timedelta(minutes=23),
        "schedule": "0 * * * *",
        "paused": None,
        "running": None,
        "latest": last,
        "latest_proven": last,
        "latest_deliveries": (delivery(11), delivery(22), MUST_START),
        "databases": tuple(
            DatabaseStatus(name=d.name, path=d.path, bytes=d.bytes, last=last, verdict=d.verdict) for d in databases
        ),
        "recipients": (
            RecipientStatus(recipient=Recipient(chat_id=11), name="Ann"),
            RecipientStatus(recipient=Recipient(chat_id=22), name="Bob"),
            RecipientStatus(recipient=Recipient(chat_id=77), parked_reason=MUST_START.reason, owed=1),
        ),
        "day": SuccessRate(ok=23, total=24),
        "week": SuccessRate(ok=168, total=168),
    }
    return Status(**values | fields)


def health(**fields: Any) -> Health:
    values: dict[str, Any] = {
        "status": status(),
        "disk_free": 12 * 1024**3,
        "disk_total": 40 * 1024**3,
        "store_bytes": 38 * 1024**2,
        "store_count": 50,
        "days_until_full": 180.0,
        "recipients": (
            Reachability(recipient=Recipient(chat_id=11), name="Ann", trouble=NO_REASON),
            Reachability(recipient=Recipient(chat_id=77), name="", trouble=MUST_START.reason),
        ),
        "round_trip": 0.12,
        "telegram_trouble": "",
    }
    return Health(**values | fields)


EXAMINATION = Examination(
    user="bot",
    parts=(
        good("token", "Token", "@courier_bot, accepted by Telegram"),
        wrong("clock", "Clock", "is 10 minutes fast by Telegram's", "Turn on <time> synchronisation."),
        look("seal", "Seal", "no key is here"),
    ),
)

LONG = "<&>\"'😀\n" * 400


class Markup(HTMLParser):
    """Accepts what Telegram accepts: known tags, properly nested, and escaped text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"b", "i", "code", "blockquote", "tg-time"}, tag
        if tag == "tg-time":
            assert [key for key, _ in attrs] == ["unix"]
        else:
            assert not attrs or (tag, attrs) == ("blockquote", [("expandable", None)])
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def fits(html: str) -> str:
    """See that Telegram would take it as a message; what people see of it."""
    parser = Markup()
    parser.feed(html)
    parser.close()
    assert not parser.open
    assert 0 < length(html) <= MESSAGE_LIMIT
    assert len(html.encode()) <= MARKUP_BYTES
    return plain(html)
