"""Writes backup_info.txt, which tells a person who has nothing but the archive what is in it and how to restore it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.clock import summer_or_winter
from bot.models import BackedUp, Verdict, count, human_size
from bot.services.archive.manifest import Manifest
from bot.words.causes import in_full
from bot.words.checks import unchecked_words
from bot.words.remarks import remarks

_TABLES_LISTED = 200
_BOM = b"\xef\xbb\xbf"  # an older Notepad takes UTF-8 for the local code page without it

_RESTORE = """\
HOW TO RESTORE, WITHOUT SQLITE COURIER
--------------------------------------

First, if the archive came in volumes ({archive}.001, .002, ...), join them:
  Linux, macOS   cat {archive}.[0-9]* > {archive}
  Windows        copy /b {archive}.001 + {archive}.002 {archive}
                 (name all volumes, in order){seven_zip}

Linux, macOS
  1. Stop the application that uses the database.
  2. Unpack:              unzip {opened} -d restored
  3. Check:               sqlite3 restored/{quoted_name} "PRAGMA integrity_check"
                          It must answer: ok
  4. Set the old files aside, ALL that exist of these four:
       {quoted_path}
       {quoted_path}-wal
       {quoted_path}-shm
       {quoted_path}-journal
     A -wal, -shm or -journal file left behind from the old database would be
     mixed into the new one and damage it.
  5. Put the new one in:
       cp restored/{quoted_name} {quoted_path}
     and give it the owner and mode of the old one (chown, chmod).
  6. Start the application.

Windows
  1. Stop the application that uses the database.
  2. Unpack: right-click the archive, "Extract All" (or 7-Zip).
  3. Check, if you have sqlite3.exe:
       sqlite3 "{name}" "PRAGMA integrity_check"
     It must answer: ok
  4. Set the old database aside, and with it every file beside it that has the
     same name and ends in -wal, -shm or -journal: left behind, they would be
     mixed into the new database and damage it.
  5. Copy the unpacked file to where the old one was, under its old name:
       {path}
  6. Start the application.
"""


_SEALED = """\
THIS ARCHIVE WAS SEALED
-----------------------

{archive} is encrypted in the format of age (https://age-encryption.org),
for: {sealed}
Whoever reads this has opened it. To open others like it without SQLite Courier,
install age (apt install age, brew install age, winget install FiloSottile.age),
join the volumes first if there are several (see below), and then:
  With the key file (the line AGE-SECRET-KEY-1... of the recovery sheet):
    age -d -i key.txt -o {opened} {archive}
  With the passphrase, which age asks for:
    age -d -o {opened} {archive}
The ZIP and all that is unpacked from it can be read by anybody: delete them
when you are done.

"""


def build_info(manifest: Manifest, archive_name: str, *, sealed: str = "") -> bytes:
    """Describe an archive in plain text: UTF-8 with byte order mark, CRLF, so that Notepad shows it as well.

    Of an archive that leaves `sealed` for somebody, it says how the file was opened that it lies in.
    """
    lines = [*_heading(manifest, archive_name), *_databases(manifest), *_skipped(manifest)]
    if sealed:
        lines += _SEALED.format(archive=archive_name, opened=_opened(archive_name), sealed=sealed).splitlines()
    for database in manifest.databases[:1]:  # as the example
        lines += _restore(database, archive_name).splitlines()
    return _BOM + "".join(f"{_one_line(line)}\r\n" for line in lines).encode()


def _heading(manifest: Manifest, archive_name: str) -> Iterator[str]:
    title = f"SQLite Courier backup: {archive_name}"
    yield title
    yield "=" * len(title)
    yield ""
    yield f"Made:     {_local(manifest.created_at, manifest.timezone)}"
    if not _is_utc(manifest.created_at, manifest.timezone):
        yield f"          {manifest.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield f"On:       {manifest.host}"
    yield f"Asked by: {manifest.trigger}"
    yield f"Product:  SQLite Courier {manifest.product_version}"
    total = sum(database.bytes for database in manifest.databases)
    yield f"Holds:    {count(len(manifest.databases), 'database')}, {_size(total)} unpacked"
    if manifest.skipped:
        yield f"MISSING:  {count(len(manifest.skipped), 'database')} could not be backed up, see below"
    yield ""


def _databases(manifest: Manifest) -> Iterator[str]:
    for database in manifest.databases:
        yield database.name
        yield "-" * len(database.name)
        yield f"  From:     {database.path}"
        yield f"  State of: {_local(database.taken_at, manifest.timezone)}"
        yield f"  Size:     {_size(database.bytes)}, {_size(database.compressed_bytes)} in the archive"
        yield f"  SHA-256:  {database.sha256}"
        yield f"  Check:    {_verdict(database)}"
        if database.checked_at is not None:
            yield f"            checked {_local(database.checked_at, manifest.timezone)}; not a byte has changed since"
            yield "            (SHA-256), and its deflated bytes are those of then, read back and compared again"
        for line in (unchecked_words(database.unchecked), *database.messages):
            if line:
                yield f"            {line}"
        for remark in remarks(database):
            yield f"  WARNING:  {remark}"
        yield from _rows(database)
        yield ""


def _verdict(database: BackedUp) -> str:
    check = f"PRAGMA {'integrity_check' if database.method == 'full' else 'quick_check'}"
    match database.verdict:
        case Verdict.OK:
            return f"passed ({check})"
        case Verdict.UNCHECKED:
            return f"COULD NOT BE CHECKED ({check})"
        case Verdict.DAMAGED:
            return f"DAMAGED ({check})"


def _rows(database: BackedUp) -> Iterator[str]:
    if not database.rows:
        yield "  Tables:   none" if database.verdict is Verdict.OK else "  Tables:   could not be counted"
        return
    yield "  Tables:   (rows)"
    for table, rows in database.rows[:_TABLES_LISTED]:
        yield f"    {'not counted' if rows < 0 else f'{rows:,}':>14}  {table}"
    if len(database.rows) > _TABLES_LISTED:
        yield f"    and {count(len(database.rows) - _TABLES_LISTED, 'table')} more, listed in manifest.json"


def _skipped(manifest: Manifest) -> Iterator[str]:
    if not manifest.skipped:
        return
    yield "NOT IN THIS BACKUP"
    yield "------------------"
    for record in manifest.skipped:
        yield f"  {record.name}: {record.reason}"
        yield f"    {record.path}"
        yield f"    {in_full(record.why)}"
    yield ""


def _restore(database: BackedUp, archive_name: str) -> str:
    return _RESTORE.format(
        archive=archive_name,
        opened=_opened(archive_name),
        seven_zip="" if archive_name.endswith(".age") else ", or open .001 with 7-Zip",
        name=database.name,
        path=database.path,
        quoted_name=shlex.quote(database.name),
        quoted_path=shlex.quote(database.path),
    )


def _opened(archive_name: str) -> str:
    return archive_name.removesuffix(".age")


def _is_utc(moment: datetime, timezone: str) -> bool:
    """Whether a zone's clock shows UTC then; also where this machine knows no such zone."""
    try:
        return moment.astimezone(ZoneInfo(timezone)).utcoffset() == timedelta()
    except (OSError, ValueError, KeyError):
        return True


def _local(moment: datetime, timezone: str) -> str:
    if _is_utc(moment, timezone):
        return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{local:%Y-%m-%d %H:%M:%S}{summer_or_winter(local)} ({timezone})"


def _size(size: int) -> str:
    return f"{human_size(size)} ({size:,} bytes)" if size >= 1024 else count(size, "byte")


def _one_line(text: str) -> str:
    """Keep control characters of names and messages out of a text that is also shown in terminals."""
    return "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in text)
