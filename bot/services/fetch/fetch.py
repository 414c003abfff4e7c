"""Fetches the volumes of an archive from the chat by file_id, joins them and compares the hash of the whole."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from bot.clock import Sleep, utc_now
from bot.errors import DamagedArchiveError, TelegramError
from bot.models import Cause, ReportBytes, RestorePoint, StoredVolume
from bot.services.concurrency.abort import Abort
from bot.services.concurrency.nursery import settled, side_by_side
from bot.services.concurrency.threads import run_to_end
from bot.services.contracts.chats import Files, PostedDocument
from bot.services.contracts.destination import Outcome, Refused, StaleFile, TooLarge, Wait
from bot.services.files.part_file import faults_of, put_in_place, refuse_to_replace
from bot.services.files.private_file import PART_SUFFIX, create_private, sha256_of, sync_path
from bot.services.files.space import require_space
from bot.services.files.store import is_plain_name

AT_ONCE = 3
"""Downloads side by side: a distant data centre fills the line of a small server with two or three."""

LONGEST_WAIT = 120.0
"""Seconds that Telegram may ask for; whoever waits for a restore is told instead of waiting longer."""


class UnreachableError(TelegramError):
    """Telegram could not be asked long enough: this says nothing about the backup."""


class LostError(TelegramError):
    """Telegram does not give the archive out any more: for a restore this backup is not in the chat."""


class TooLargeToFetchError(LostError):
    """A volume is over the size that Telegram lets a bot download."""


async def fetch_archive(
    files: Files,
    point: RestorePoint,
    folder: Path,
    *,
    attempts: int = 4,
    delay: float = 2.0,
    sleep: Sleep = asyncio.sleep,
    progress: ReportBytes = lambda _done, _total: None,
    abort: Abort | None = None,
) -> Path:
    """Fetch a restore point's volumes into `folder` and return the archive: private, joined, its SHA-256 compared.

    It has its final name only if every byte is as it was when it was proven; what else was fetched is removed. Volumes
    that fail are tried `attempts` times, `delay` seconds and more apart. `progress` counts the archive's bytes. A point
    without a SHA-256 (an archive that a person forwarded) is joined and not compared: that is then the caller's.

    Raises `UnreachableError`, `LostError`, `DamagedArchiveError`, `ArchiveError` (a file of that name is there),
    `NoSpaceError`, `AbortedError`.
    """
    target = folder / point.archive
    part = target.with_name(target.name + PART_SUFFIX)
    await asyncio.to_thread(_make_room, part, target, point)
    try:
        fetching = _Fetching(files, point, part, attempts, delay, sleep, progress, Abort(parent=abort))
        await fetching.all()
        await run_to_end(lambda: _compare(part, point, fetching.abort, files.name), stop=fetching.abort.set)
        await asyncio.to_thread(_finish, part, target)
    except BaseException:
        await settled(asyncio.to_thread(part.unlink, missing_ok=True))
        raise
    return target


async def fetch_document(
    files: Files,
    posted: PostedDocument,
    folder: Path,
    *,
    delay: float = 2.0,
    progress: ReportBytes = lambda _done, _total: None,
    abort: Abort | None = None,
) -> Path:
    """Fetch a document that a person sent into `folder`, under its own name if that is a plain one; return the file.

    Nothing is known of it but its size, and nothing compared. Raises what `fetch_archive` raises.
    """
    name = posted.name if is_plain_name(posted.name) else "archive.zip"
    volume = StoredVolume(file_id=posted.file_id, bytes=posted.bytes)
    point = RestorePoint(at=utc_now(), archive=name, bytes=posted.bytes, sha256="", databases=(), volumes=(volume,))
    return await fetch_archive(files, point, folder, delay=delay, progress=progress, abort=abort)


@dataclass(slots=True)
class _Fetching:
    """The volumes of one archive on their way into one file."""

    files: Files
    point: RestorePoint
    part: Path
    attempts: int
    delay: float
    sleep: Sleep
    progress: ReportBytes
    abort: Abort
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    done: dict[int, int] = field(default_factory=dict)  # bytes by volume

    async def all(self) -> None:
        """Return when every volume is in the file; the first that can't be fetched ends the others."""
        offsets = [sum(volume.bytes for volume in self.point.volumes[:n]) for n in range(len(self.point.volumes))]
        volumes = enumerate(zip(self.point.volumes, offsets, strict=True), start=1)
        await side_by_side(*(self._volume(number, volume, offset) for number, (volume, offset) in volumes))

    async def _volume(self, number: int, volume: StoredVolume, offset: int) -> None:
        def arrived(count: int) -> None:
            self.done[number] += count
            self.progress(sum(self.done.values()), self.point.bytes)

        async with self.turns:
            for failures in range(1, self.attempts + 1):
                self.abort.check()
                self.done[number] = 0
                try:
                    with faults_of(self.part):
                        found = await self.files.fetch(volume, self.part, offset=offset, on_bytes=arrived)
                    break
                except Outcome as outcome:
                    seconds = self._pause(number, outcome, failures)
                await self.sleep(seconds)
        if volume.sha256 and found != volume.sha256:
            raise DamagedArchiveError.because(
                Cause.VOLUME_OTHER,
                volume=self._name(number),
                place=self.files.name,
                found=found[:16],
                expected=volume.sha256[:16],
            )

    def _pause(self, number: int, outcome: Outcome, failures: int) -> float:
        """Return the seconds until the next attempt, or raise what the last one means."""
        sentence = f"{self._name(number)} can't be fetched from {self.files.name}: {outcome.sentence}."
        if isinstance(outcome, Refused):
            raise TelegramError(sentence, hint="Copy BOT_TOKEN again from @BotFather.")
        if isinstance(outcome, TooLarge):
            raise TooLargeToFetchError(sentence, hint="Download it in the chat by hand, then restore from the file.")
        if isinstance(outcome, Wait) and outcome.seconds <= LONGEST_WAIT and failures < self.attempts:
            return outcome.seconds
        if failures < self.attempts and not isinstance(outcome, Wait):
            # Also for a stale file_id: Telegram says the same of a file that is only unavailable for the moment.
            return self.delay * float(2 ** (failures - 1))
        if isinstance(outcome, StaleFile):
            raise LostError.because(Cause.NOT_GIVEN_OUT, volume=self._name(number), place=self.files.name)
        raise UnreachableError(sentence, hint="Try again later.")

    def _name(self, number: int) -> str:
        total = len(self.point.volumes)
        return self.point.archive if total == 1 else f"Volume {number} of {total} of {self.point.archive}"


def _make_room(part: Path, target: Path, point: RestorePoint) -> None:
    with faults_of(target):
        hint = "Free some space, or restore into a folder on another disk."
        require_space(part.parent, point.bytes, f"for {point.archive}", hint=hint)
        refuse_to_replace(target)
        part.unlink(missing_ok=True)
        create_private(part).close()


def _compare(part: Path, point: RestorePoint, abort: Abort, place: str) -> None:
    found = sha256_of(part, check=abort.check)
    if point.sha256 and found != point.sha256:
        raise DamagedArchiveError.because(
            Cause.FETCHED_OTHER, archive=point.archive, place=place, found=found[:16], expected=point.sha256[:16]
        )


def _finish(part: Path, target: Path) -> None:
    with faults_of(target):
        sync_path(part)
        put_in_place(part, target)
