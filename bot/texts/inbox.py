"""The inbox: what has come, what is missing, what an archive holds, and what is refused."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.errors import CourierError
from bot.models import RestorePoint, RestoreStage, Verdict
from bot.services.fetch.recognition import CLOUD_LIMIT
from bot.services.inbox.upload_view import (
    KEPT_FOR,
    FoundDatabase,
    LeftOutFile,
    LeftOutReason,
    UploadContents,
    UploadEnd,
    UploadPhase,
    UploadView,
)
from bot.texts.backups import VERDICT_ICONS, skipped_lines
from bot.texts.markup import FittedList, compose, hint, name, text
from bot.texts.measures import bar, count, duration, human_size, moment, percent_bar, rows_in

GONE = "What you sent is no longer here. Please send it again."
FORGOTTEN = "Dropped."
FETCHING = "On its way from Telegram."
SEALED_HINT = (
    "Open it with the age tool and your key: age -d -i KEY FILE.zip.age > FILE.zip. Then send the FILE.zip here."
)

_STAGES = {RestoreStage.READ: "Reading it in full", RestoreStage.CHECK: "Checking the databases"}

_WHAT_I_TAKE = (
    "Send or forward me a backup: its ZIP (<code>database_backup_….zip</code>), all its volumes "
    "(<code>….zip.001</code>, <code>.002</code>, …), the pinned catalogue document, or a database file. I check it, "
    "show what is in it, and offer to restore it."
)

_REASONS = {
    LeftOutReason.NOT_TAKEN: "is no archive; it is left out",
    LeftOutReason.SIDECAR: "belongs beside a database and can't be used here; send the database itself",
    LeftOutReason.ONE_AT_A_TIME: "belongs to another archive: one at a time, send it after this one",
    LeftOutReason.CATALOGUE: "is a catalogue; send it by itself",
    LeftOutReason.TOO_MUCH: "is more than is kept here at once; it is left out",
    LeftOutReason.STOPPING: "came too late: the service is about to stop",
    LeftOutReason.SEALED: "is sealed (encrypted with age), and this bot can't open it",
}


# --- what is not taken -------------------------------------------------------------------------------------------


def not_taken(why: LeftOutReason | None = None) -> str:
    """Return the answer to a file that is no archive, as one sentence and what would be one."""
    if why is LeftOutReason.SIDECAR:
        return f"🤔 Such a file belongs beside a database: close the program, and send the database.\n{_WHAT_I_TAKE}"
    if why is LeftOutReason.STOPPING:
        return "⏹ The service is about to stop. Please send it again when it is back."
    return f"🤔 I don't know what to do with this. {_WHAT_I_TAKE}\n/admin opens the menu."


def gone(reason: UploadEnd | None = None) -> str:
    """Return what a message says whose files are no longer there."""
    return _GONE[reason]


_GONE = {
    UploadEnd.FORGOTTEN: "✖️ Dropped: nothing of what you sent is kept here.",
    UploadEnd.EXPIRED: "⌛ Nobody came back for it: what you sent here is removed. Send it again if you need it.",
    UploadEnd.REPLACED: "⏭ What you sent later took its place: this one is removed. Send it again if you need it.",
    UploadEnd.STOPPED: "⏹ The service was stopped: what you sent here is removed. Send it again when it is back.",
    UploadEnd.RELEASED: "📦 What you sent here is no longer needed, and is removed. Send it again if you need it.",
    None: "⌛ <b>What you sent is no longer here.</b>\n"
    "I keep it for half an hour, and not over a restart. Please send it again.",
}


# --- the one message of an upload -----------------------------------------------------------------------------


def upload(upload: UploadView, now: datetime, timezone: ZoneInfo) -> str:
    """Return the message of an upload as it stands."""
    match upload.phase:
        case UploadPhase.FETCHING:
            return _fetching(upload)
        case UploadPhase.CHECKING:
            return _checking(upload)
        case UploadPhase.WAITING:
            return _waiting(upload, now, timezone)
        case UploadPhase.READY if upload.contents:
            return _ready(upload, upload.contents, now, timezone)
        case UploadPhase.LISTING:
            return listing(upload, 0, 1, timezone)
        case UploadPhase.GONE:
            return gone(upload.gone or UploadEnd.EXPIRED)
        case _:
            return _refused(upload, now, timezone)


def _fetching(upload: UploadView) -> str:
    bar = None
    if upload.total:
        of = f"{human_size(upload.done)} of {human_size(upload.total)}"
        bar = f"{percent_bar(min(1.0, upload.done / upload.total))} · {of}"
    what = f"<code>{name(upload.point.archive, 60)}</code>, from Telegram" if upload.point else None
    return compose("📥 <b>Receiving</b>", what, _files(upload), bar, *_left_out(upload))


def _checking(upload: UploadView) -> str:
    progress = upload.progress
    volumes = f", {count(len(upload.files), 'volume')}" if len(upload.files) > 1 else ""
    line = "Waiting for its turn"
    if progress is not None:
        detail = f" · <code>{name(progress.detail)}</code>" if progress.detail else ""
        line = f"{_STAGES.get(progress.stage, str(progress.stage))} {bar(progress.fraction)}{detail}"
    return compose(
        "🔎 <b>All here; checking it</b>",
        f"{_called(upload)} · {human_size(upload.total)}{volumes}",
        line,
        *_left_out(upload),
    )


def _too_large(upload: UploadView) -> bool:
    return any(one.why is LeftOutReason.TOO_LARGE for one in upload.left_out)


def _waiting(upload: UploadView, now: datetime, timezone: ZoneInfo) -> str:
    have = sorted({file.number for file in upload.files if file.number})
    numbered = len(have) == len(upload.files) and bool(upload.missing)
    of = f" of {upload.total_volumes}" if upload.total_volumes else ""
    wanted = ", ".join(f"<code>.zip.{number:03}</code>" for number in upload.missing[:10])
    more = ", …" if len(upload.missing) > 10 else "" if upload.total_volumes else " (and any others there are)"
    return compose(
        "🧩 <b>Volumes are missing</b>",
        f"I have {', '.join(map(str, have))}{of}. Please send {wanted}{more}." if numbered else None,
        *(() if numbered else _explained(upload.problem)),
        _files(upload),
        "",
        "Any order will do, and any names: one by one, as an album, or forwarded. "
        f"I keep what is here for {duration(KEPT_FOR)}.",
        "🔄 I was started again meanwhile: what you had sent before is gone, please send it once more."
        if upload.after_restart
        else None,
        *_left_out(upload),
        *(_instead(upload, now, timezone) if _too_large(upload) else ()),
    )


def _refused(upload: UploadView, now: datetime, timezone: ZoneInfo) -> str:
    too_large = _too_large(upload)
    if upload.problem is None and not too_large and upload.left_out:
        sealed = all(one.why is LeftOutReason.SEALED for one in upload.left_out)
        return compose("🔒 <b>Sealed</b>" if sealed else "❌ <b>I can't take this</b>", *_left_out(upload))
    if upload.problem is None and too_large:
        return compose(
            "🐘 <b>Too large for a bot to download</b>", *_left_out(upload), *_instead(upload, now, timezone)
        )
    return compose(
        "❌ <b>This can't be used</b>",
        *_explained(upload.problem, otherwise="💡 Send another copy of it, or another backup."),
        "",
        "Nothing was restored, and nothing of it is used.",
        *_left_out(upload),
    )


def _instead(upload: UploadView, now: datetime, timezone: ZoneInfo) -> tuple[str | None, ...]:
    known = upload.known
    bare = not any(".zip" in one.name.lower() for one in upload.left_out if one.why is LeftOutReason.TOO_LARGE)
    what = None
    if known is not None:
        here = "it is on the server's disk" if known.on_disk else "Telegram holds its volumes"
        here += ", so press the button below" if known.on_disk or upload.fetchable else ", out of my reach"
        what = f"👉 By its name it is <b>backup {known.id}</b> of {moment(known.started_at, now, timezone)}: {here}."
    return (
        "",
        "<b>What to do instead</b>",
        what,
        f"• {'Put it into a ZIP and cut that' if bare else 'Cut it'} into volumes, and send all of them: "
        "<code>split -b 19M --numeric-suffixes=1 -a 3 FILE.zip FILE.zip.</code>, or 7-Zip → Split to volumes: 19M.",
        "• Or copy it to the server: "
        f"<code>sqlite-courier restore FILE{'' if bare else '.zip'} --to DIR</code>, or <code>--in-place</code>.",
        "• Or run a Bot API server of your own (TELEGRAM_API, TELEGRAM_LOCAL=true): it has no such limit.",
        "• VOLUME_SIZE_MB of at most 19 keeps backups in volumes that I can download.",
    )


def _ready(upload: UploadView, found: UploadContents, now: datetime, timezone: ZoneInfo) -> str:
    volumes = f" in {found.volumes} volumes" if found.volumes > 1 else ""
    other = "📦 <b>A database file</b>" if found.bare else "📦 <b>An archive with databases</b>"
    headline = "📦 <b>A backup, intact</b>" if found.proven else other
    if found.ours and not found.proven:
        headline = "📦 <b>A backup that somebody changed: see ⚠️</b>"
    return compose(
        headline,
        f"{_called(upload)} · {human_size(found.bytes)}{volumes}",
        _made(found, timezone) if found.backup is None else None,
        f"🖥 Made on <code>{name(found.host)}</code>" if found.host else None,
        _identity(found, now, timezone),
        "",
        FittedList(tuple(_database(one) for one in found.databases), 15),
        f"⚠️ <b>Incomplete: without {count(len(found.skipped), 'database')}</b>" if found.skipped else None,
        skipped_lines(found.skipped, detail=100, most=5),
        FittedList(tuple(f"⚠️ {text(warning, 300)}" for warning in found.warnings), 5),
        _proof(found),
        *_left_out(upload),
    )


def _proof(found: UploadContents) -> str | None:
    if not found.proven:
        return None
    unchecked = sum(database.verdict is Verdict.UNCHECKED for database in found.databases)
    checked = f"⚠️ {count(unchecked, 'database')} could not be checked" if unchecked else "and checked"
    return f"🔎 All as listed in it, {checked}."


def _made(found: UploadContents, timezone: ZoneInfo) -> str:
    return f"🕒 {date_time(found.made_at, timezone)}" if found.made_at else "🕒 It does not say when it was made."


def _identity(found: UploadContents, now: datetime, timezone: ZoneInfo) -> str | None:
    backup = found.backup
    if backup is None:
        return "🗂 This bot has no record of it." if found.ours else None
    where = "also on the server's disk" if backup.on_disk else "no longer on the server's disk"
    return f"🗂 <b>Backup {backup.id}</b> ({moment(backup.started_at, now, timezone)}), {where}"


def _database(found: FoundDatabase) -> str:
    rows = f" · {rows_in(found.rows)} in {count(len(found.rows), 'table')}" if found.rows else ""
    if found.verdict is Verdict.UNCHECKED:
        rows += " · could not be checked"
    return f"{VERDICT_ICONS[found.verdict]} <code>{name(found.name)}</code> · {human_size(found.bytes)}{rows}"


# --- a catalogue document ----------------------------------------------------------------------------------------


def listing(upload: UploadView, page: int, pages: int, timezone: ZoneInfo) -> str:
    """Return the text over the restore points; they themselves are its buttons."""
    found = upload.listing
    if found is None or not found.points:
        return "📒 <b>Catalogue of restore points</b>\nIt lists none."
    of_pages = f", page {page + 1} of {pages}" if pages > 1 else ""
    return compose(
        f"📒 <b>Catalogue</b>: {count(len(found.points), 'restore point')}{of_pages}",
        f"Written {date_time(found.written_at, timezone)}; times in {text(timezone.key, 40)}, newest first.",
        "Press one: I fetch it from Telegram, check it, and show what is in it.",
        None
        if found.ours
        else "⚠️ I did not send this document. Whatever it leads to is checked like a stranger's file.",
    )


def point_label(point: RestorePoint, now: datetime, timezone: ZoneInfo) -> str:
    """Return the button of a restore point, as plain text."""
    held = f"{count(len(point.databases), 'database')}, {human_size(point.bytes)}"
    return f"{moment(point.at, now, timezone)} · {held}{' ⚠️' if point.skipped else ''}"


# --- what they share ---------------------------------------------------------------------------------------------


def _called(upload: UploadView) -> str:
    known = [upload.point.archive] if upload.point else [upload.contents.name] if upload.contents else []
    called = next(filter(None, [*known, *(file.name for file in upload.files)]), "archive")
    return f"<code>{name(called, 60)}</code>"


def _files(upload: UploadView) -> FittedList:
    ordered = sorted(upload.files, key=lambda file: (file.number or 0, file.name))
    shown = (f"<code>{name(file.name, 60)}</code> · {human_size(file.bytes)}" for file in ordered)
    return FittedList(
        tuple(f"{'✅' if file.here else '⏳'} {line}" for file, line in zip(ordered, shown, strict=True)), 12
    )


def _left_out(upload: UploadView) -> tuple[str | FittedList, ...]:
    if not upload.left_out:
        return ()
    lines = FittedList(tuple(map(_left_out_line, upload.left_out)), 8)
    sealed = any(one.why is LeftOutReason.SEALED for one in upload.left_out)
    return ("", lines, f"💡 {text(SEALED_HINT, 400)}") if sealed else ("", lines)


def _left_out_line(one: LeftOutFile) -> str:
    if one.why is LeftOutReason.TOO_LARGE:
        reason = f"is {human_size(one.bytes)} ({one.bytes:,} bytes); a bot may download {CLOUD_LIMIT:,} bytes at most"
    else:
        reason = text(one.detail, 300) if one.detail else _REASONS.get(one.why, str(one.why))
    called = f"<code>{name(one.name or 'file', 60)}</code>"
    return f"▫️ {called}: {reason}" if one.detail else f"▫️ {called} {reason}"


def _explained(problem: CourierError | None, otherwise: str | None = None) -> tuple[str | None, ...]:
    return () if problem is None else (text(problem.sentence, 900), hint(problem, 500) or otherwise)
