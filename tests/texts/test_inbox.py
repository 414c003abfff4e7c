"""What the inbox says: the right numbers, escaped, and short enough for Telegram whatever was sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import CourierError, MissingVolumesError
from bot.models import HeldDatabase, RestorePoint, RestoreProgress, RestoreStage, StoredVolume, Verdict
from bot.services.inbox.upload_view import (
    FoundDatabase,
    LeftOutFile,
    LeftOutReason,
    PointListing,
    UploadContents,
    UploadEnd,
    UploadPart,
    UploadPhase,
    UploadView,
)
from bot.texts import inbox as texts
from bot.texts.markup import length, plain
from tests.world import samples
from tests.world.samples import LONG, fits

NOW, ZONE = samples.NOW, samples.BERLIN


def files(*numbers: int | None, name: str = "backup.zip") -> tuple[UploadPart, ...]:
    return tuple(
        UploadPart(name=f"{name}.{n:03}" if n else name, bytes=19 << 20, number=n, here=bool(n and n % 2))
        for n in numbers
    )


def seen(phase: UploadPhase, **fields: Any) -> UploadView:
    return UploadView(id="0123abcd", admin_id=11, version=1, phase=phase, **fields)


def contents(**fields: Any) -> UploadContents:
    values: dict[str, Any] = {
        "name": "database_backup_20260713_120000.zip",
        "bytes": 5 << 20,
        "sha256": "5e" * 32,
        "volumes": 1,
        "bare": False,
        "ours": True,
        "proven": True,
        "made_at": NOW,
        "host": "server",
        "databases": (
            FoundDatabase(name="users.db", bytes=9000, rows=(("a", 12_480), ("b", 0), ("c", 0)), verdict=Verdict.OK),
        ),
        "skipped": (),
        "warnings": (),
        "backup": None,
    }
    return UploadContents(**(values | fields))


def test_missing_volumes_are_named_as_their_files_are_called() -> None:
    """All numbers that are known, and no promise where the end is not known."""
    error = MissingVolumesError("Volumes 2, 4 of 5 are missing.", missing=(2, 4), total=5)
    waiting = seen(UploadPhase.WAITING, files=files(1, 3, 5), problem=error)
    said = plain(texts.upload(waiting, NOW, ZONE))
    assert "I have 1, 3, 5 of 5. Please send .zip.002, .zip.004." in said
    assert "started again" not in said
    unknown = replace(waiting, problem=MissingVolumesError("Volume 2 is missing.", missing=(2,)), after_restart=True)
    said = plain(texts.upload(unknown, NOW, ZONE))
    assert "Please send .zip.002 (and any others there are)." in said
    assert "started again meanwhile" in said


def test_progress_tells_bytes_and_stage() -> None:
    """What has come of how much, then what is being read."""
    fetching = seen(UploadPhase.FETCHING, files=files(1, 2), done=19 << 20, total=38 << 20)
    assert "50% · 19 MB of 38 MB" in plain(texts.upload(fetching, NOW, ZONE))
    event = RestoreProgress(stage=RestoreStage.CHECK, done=3, total=4, detail="users.db")
    checking = seen(UploadPhase.CHECKING, files=files(1, 2), total=38 << 20, progress=event)
    said = plain(texts.upload(checking, NOW, ZONE))
    assert "Checking the databases ▓▓▓▓▓▓▓▓░░ · users.db" in said
    assert "2 volumes" in said


def test_contents_tell_what_when_where_and_what_is_not_in_it() -> None:
    """The verdict per database, gaps loudly, and which backup it is."""
    backup = samples.backup(7)
    shown = contents(backup=backup, skipped=(samples.skipped(),), volumes=3)
    said = plain(texts.upload(seen(UploadPhase.READY, contents=shown), NOW, ZONE))
    for words in (
        "in 3 volumes",
        "Made on server",
        "Backup 7 (",
        "✅ users.db",
        "12,480 rows in 3 tables",
        "Incomplete: without",
    ):
        assert words in said
    unknown = plain(texts.upload(seen(UploadPhase.READY, contents=contents()), NOW, ZONE))
    assert "This bot has no record of it" in unknown


def points(count: int) -> tuple[RestorePoint, ...]:
    held = HeldDatabase(name="users.db", path="/srv/users.db", bytes=1, sha256="0" * 64)
    one = RestorePoint(
        at=NOW, archive="database_backup_20260713_120000.zip", bytes=5000, sha256="0" * 64, databases=(held,),
        volumes=(StoredVolume(file_id="x", bytes=5000),), skipped=("gone.db",),
    )  # fmt: skip
    return (one,) * count


@pytest.mark.parametrize("phase", list(UploadPhase))
@settings(max_examples=25)
@given(name=st.text(max_size=300), many=st.integers(0, 400))
def test_every_message_fits_and_is_whole(phase: UploadPhase, name: str, many: int) -> None:
    """However many files of whatever names: within Telegram's limit, and every tag closed."""
    name += LONG[:250]
    missing = MissingVolumesError(LONG, missing=tuple(range(1, many + 1)), hint=LONG)
    problems = (missing, CourierError(LONG, hint=LONG), None)
    full = seen(
        phase,
        files=files(*range(1, many + 1), None, name=name),
        left_out=(
            *(LeftOutFile(name=name, bytes=21 << 20, why=why) for why in LeftOutReason for _ in range(many // 9)),
            LeftOutFile(name=name, bytes=1, why=LeftOutReason.FAILED, detail=LONG),
        ),
        problem=problems[many % 3],
        known=samples.backup(3),
        fetchable=True,
        contents=contents(
            name=name,
            host=name,
            databases=tuple(
                FoundDatabase(name=name, bytes=1, rows=(("a", 1),), verdict=Verdict.UNCHECKED) for _ in range(many)
            ),
            skipped=tuple(samples.skipped(name, LONG) for _ in range(many)),
            warnings=(LONG,) * many,
        ),
        listing=PointListing(points=points(many), written_at=NOW, ours=False),
        after_restart=True,
        gone=UploadEnd.EXPIRED,
    )
    fits(texts.upload(full, NOW, ZONE))


@pytest.mark.parametrize("reason", [*UploadEnd, None])
def test_whatever_is_gone_is_said_with_what_to_do(reason: UploadEnd | None) -> None:
    """Each reason has its own words."""
    said = [texts.gone(other) for other in (*UploadEnd, None)]
    assert said.count(texts.gone(reason)) == 1
    if reason is not UploadEnd.FORGOTTEN:
        assert "send it again" in texts.gone(reason).lower()


def test_answers_to_presses_fit() -> None:
    """At most two hundred characters, plain."""
    for answer in (texts.GONE, texts.FORGOTTEN, texts.FETCHING):
        assert 0 < length(answer) <= 200
    assert len(texts.point_label(points(1)[0], NOW, ZONE)) <= 64
