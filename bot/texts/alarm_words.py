"""What each kind of alarm says: its title, what happened, what to do, and what is good again at its end. Plain text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.errors import ArchiveError, CatalogueError
from bot.models import Alarm, AlarmEnding, AlarmKind, DrillSource, Facts, OutcomeCode, SkipReason
from bot.texts import surroundings
from bot.texts.losses import loss_line, losses_of, shrinking
from bot.texts.lost import backups_of, held_by, lost_mend, lost_words
from bot.texts.markup import plain_names, sentence, shortened
from bot.texts.measures import count, human_size, moment
from bot.texts.schedule_words import in_words
from bot.texts.skips import RESTORE_ALL, full_disk, mend_words, skip_words
from bot.texts.surroundings import AlarmWords
from bot.words.actors import actor_words
from bot.words.causes import in_full
from bot.words.drills import result_words
from bot.words.failures import failure_words
from bot.words.outcomes import reason_words

_STORE = "Look at BACKUP_DIR: is it there, may the service write to it, is its disk healthy? Then try again."


def words_of(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> AlarmWords:
    """Return what an alarm says at a moment."""
    words = _KINDS.get(AlarmKind(alarm.kind)) if alarm.kind in set(AlarmKind) else None
    return words(alarm, now, timezone) if words is not None else _unknown(alarm)


def _unknown(alarm: Alarm) -> AlarmWords:
    return AlarmWords(
        title=alarm.key, what=alarm.fact("said") or "The log file has more.", over=f"{alarm.key}: it is over"
    )


def _run(alarm: Alarm, _now: datetime, _zone: ZoneInfo) -> AlarmWords:
    troubles = dict(zip(alarm.all("name"), alarm.all("reason"), strict=False))
    if troubles:
        full = set(troubles.values()) == {SkipReason.NO_SPACE} and bool(_figures(alarm))
        what = _figures(alarm) if full else f"No database could be backed up: {_by_cause(troubles)}."
        mend = _mend_all(set(troubles.values()), alarm.facts, several=len(troubles) > 1)
    elif alarm.fact("code") == "nothing":
        what, mend = "The setting DATABASES matches no file.", "Put the files back, or correct it."
    elif alarm.fact("code") == "no-space":
        what, mend = (
            "Not enough disk space.",
            f"Free some space on the disk of {alarm.fact('folder') or 'BACKUP_DIR'}, or keep fewer backups"
            " (MAX_BACKUP_COUNT), then try again.",
        )
    else:
        what = _cause(alarm) or failure_words(alarm.fact("code"))
        stored = alarm.fact("code") in (ArchiveError.code, CatalogueError.code)
        mend = "Try again." if not stored else "Mend that, then try again." if "BACKUP_DIR" in what else _STORE
    return AlarmWords(
        title="Backup failed",
        what=f"{what} Older backups are untouched.",
        mend=mend,
        over="Nothing is left to back up, as you wanted"
        if alarm.ending == AlarmEnding.NOTHING_LEFT
        else "Backups are made again",
        was="" if alarm.ending == AlarmEnding.NOTHING_LEFT else "failing",
    )


def _skipped(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> AlarmWords:
    gone = alarm.kind == AlarmKind.GONE
    if alarm.is_of_many:
        number = count(len(alarm.all("name")), "database")
        reasons = alarm.all("reason")
        same = skip_words(reasons[0]) if len(reasons) == 1 else None
        full = same is skip_words(SkipReason.NO_SPACE)
        return AlarmWords(
            title=f"{number} have disappeared" if gone else f"{number} are not backed up",
            what=f"{plain_names(alarm.all('name'), 6)}."
            + (f" {_figures(alarm)}" if full else f" They are {same.state}." if same else ""),
            mend=mend_words(SkipReason.NO_SPACE, alarm.facts)
            if full
            else f"{_IN_COMMON} {_SAY_SO}"
            if {*reasons} <= REMOVABLE
            else _IN_COMMON,
            over=_ended(alarm, "They", {AlarmEnding.MENDED: "are backed up again"}),
            was="missing" if gone else same.state if same is not None else "left out",
        )
    words, name, path = skip_words(alarm.fact("reason")), shortened(alarm.subject, 60), alarm.fact("path")
    what = f"{words.what[:-1]}: {path}." if path and alarm.fact("reason") in REMOVABLE else ""
    kept, mend = alarm.number("backup"), mend_words(alarm.fact("reason"), alarm.facts)
    return AlarmWords(
        title=f"{name} has disappeared" if gone else f"{name} is not backed up",
        what=" ".join(
            (
                _cause(alarm) or what or _figures(alarm) or words.what,
                f"{_backup(alarm, now, timezone)} has a good copy." if kept else "No backup holds it yet.",
            )
        ),
        mend=mend if kept else _UNKEPT.get(SkipReason(alarm.fact("reason") or "failed"), mend),
        over=_ended(alarm, name, {AlarmEnding.MENDED: "is backed up again"}),
        was=words.state,
    )


def _cause(alarm: Alarm) -> str:
    """Return what happened to a database where its reason alone does not tell."""
    return in_full(alarm.why) or alarm.fact("said")


REMOVABLE = frozenset({SkipReason.MISSING, SkipReason.GONE})
"""Why a database is not in a backup that may have been removed on purpose."""

_IN_COMMON = "Look at what they have in common: a disk that is not mounted, a folder that was moved?"
_SAY_SO = "If they were removed on purpose, say so: their backups stay."
_PUT_BACK = "Put it back, or say that it was removed on purpose."
_REPAIR = "Mend the file (the sqlite3 tool's .recover), then try again."
# Without a backup there is nothing to restore.
_UNKEPT = {
    SkipReason.MISSING: _PUT_BACK,
    SkipReason.GONE: _PUT_BACK,
    SkipReason.DAMAGED: _REPAIR,
    SkipReason.EMPTY: "Start its program, which fills it, or take it out of DATABASES.",
    SkipReason.NOT_A_DATABASE: "See that DATABASES names the right file.",
}


def _backup(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> str:
    """Return the backup that an alarm names, with its time where that is known: `Backup 4 (today 02:15)`."""
    at = alarm.fact("backup at")
    when = f" ({moment(datetime.fromisoformat(at), now, timezone)})" if at else ""
    return f"Backup {alarm.number('backup')}{when}"


def _ended(alarm: Alarm, who: str, mended: dict[AlarmEnding, str]) -> str:
    """Return how the alarm about a database ended."""
    many = alarm.is_of_many
    if alarm.accepted:
        removed = alarm.kind == AlarmKind.GONE or alarm.fact("reason") == SkipReason.MISSING or many
        return f"{who} {'were' if many else 'was'} removed on purpose" if removed else f"{who}: this is fine"
    said = {
        AlarmEnding.ELSEWISE: "is in other trouble now",
        AlarmEnding.ONE_BY_ONE: "are named one by one now",
        AlarmEnding.NOT_NAMED: "is no longer among DATABASES",
        AlarmEnding.UNWATCHED: "is no longer watched for this",
    } | mended
    return f"{who} {said.get(alarm.ending, mended[AlarmEnding.MENDED])}"


def _shrunken(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> AlarmWords:
    name, kept = shortened(alarm.subject, 60), alarm.number("backup")
    lost = losses_of(alarm)
    more = f" and {alarm.number('more')} more" if alarm.number("more") else ""
    return AlarmWords(
        title=f"{name} has {shrinking(lost)}",
        what=(f"{loss_line(lost)}{more}. " if lost else "It holds much less than before. ")
        + "Backups go on as usual; older ones still hold what is missing.",
        mend="If it was meant, say so. If not, restore it"
        + (f" from {_backup(alarm, now, timezone).lower()}: you see first what that changes." if kept else "."),
        over=f"{name}: this is the level to compare with now"
        if alarm.accepted
        else _ended(alarm, name, {AlarmEnding.MENDED: "holds as much as before again"}),
        was="smaller",
    )


def _stale(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> AlarmWords:
    good, by, schedule = alarm.fact("good"), alarm.fact("paused by"), alarm.fact("schedule")
    planned = in_words(schedule) or schedule
    since = [datetime.fromisoformat(alarm.fact(name)) for name in ("off from", "off to") if alarm.fact(name)]
    if by:
        what = f"{actor_words(by)} has paused the backups{f' planned {planned}' if planned else ''}."
    elif len(since) > 1:
        what = "The program was not running from {} to {}.".format(*(moment(at, now, timezone) for at in since))
    else:
        what = f"They are planned {planned}, but none was made." if planned else "None was made."
    return AlarmWords(
        title=f"No good backup since {moment(datetime.fromisoformat(good), now, timezone)}"
        if good
        else f"No good backup is {'left' if alarm.number('none left') else 'there yet'}",
        what=what,
        mend="Press Resume, and they go on." if by else "Make one now; if that fails, it says why.",
        over="There is a good backup again",
    )


def _lost(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> AlarmWords:
    gone, damaged, ats = alarm.all("gone"), alarm.all("damaged"), map(datetime.fromisoformat, alarm.all("at"))
    alone, none_left = alarm.number("alone"), bool(alarm.number("none left"))
    which = plain_names(backups_of([*zip((*damaged, *gone), ats, strict=True)], now, timezone), 3)
    where, unread = held_by(alarm), alarm.all("unread")
    if alone:
        means = f"What only they hold is lost.{f' The rest is held by {where}.' if where else ''}"
    else:
        means = f"All can still be restored{f': held by {where}' if where else ' from elsewhere'}."
    missing = " or ".join(word for word, some in (("missing", gone), ("damaged", damaged)) if some)
    removed = f"{count(len(gone), 'archive')} {'was' if len(gone) == 1 else 'were'} removed on purpose"
    return AlarmWords(
        title=sentence(lost_words(gone, damaged, alone=alone, none_left=none_left)),
        what=" ".join(
            (
                f"{sentence(which)}.",
                *(() if damaged or unread else ("Not deleted by the bot.",)),
                *((f"Put back, but can't be read: {plain_names(unread, 3)}.",) if unread else ()),
                *(() if none_left else (means,)),
            )
        ),
        mend=lost_mend(len(gone), len(damaged), alone=alone, none_left=none_left, unread=len(unread)),
        over=removed if alarm.accepted else f"No archive is {missing} any more",
    )


def _drill(alarm: Alarm, _now: datetime, _zone: ZoneInfo) -> AlarmWords:
    backup, source = alarm.number("backup"), alarm.fact("source")
    which = f"Backup {backup}, {DrillSource(source).words}" if backup and source else "A backup"
    return AlarmWords(
        title="Test-restore failed",
        what=f"{which}: {result_words(alarm.why) or 'it could not be restored.'}",
        mend="Do not rely on this backup: make a new one now.",
        over="A test-restore succeeded",
    )


def _unreachable(alarm: Alarm, now: datetime, timezone: ZoneInfo) -> AlarmWords:
    who, said = shortened(alarm.fact("name") or alarm.subject, 60), reason_words(alarm.why)
    joined = "" if not said else f"{who}{' ' if said.startswith(('must ', 'has ', 'is ')) else ': '}{said}. "
    over = f"{who} {'is sent nothing any more' if alarm.ending == AlarmEnding.NOT_NAMED else 'can be reached again'}"
    if since := alarm.fact("since"):
        what = f"Since {moment(datetime.fromisoformat(since), now, timezone)}: {said}."
        mend = "Mend that; what is owed is sent then."
        return AlarmWords(title=f"No backup reaches {who}", what=what, mend=mend, over=over)
    return AlarmWords(
        title=f"{who} can't be reached",
        what=f"{joined}What {who} is to receive is kept, and sent afterwards.",
        mend=f"Forward {who} the invitation that the button makes." if is_to_press_start(alarm) else "",
        over=over,
    )


TO_START = (OutcomeCode.BLOCKED, OutcomeCode.NOT_STARTED, OutcomeCode.NO_SUCH_CHAT)
"""What a person mends by opening the bot."""


def is_to_press_start(alarm: Alarm) -> bool:
    """Tell whether it is a person who has to open the bot, which an invitation asks for."""
    return alarm.kind == AlarmKind.UNREACHABLE and alarm.subject.isdigit() and alarm.why.code in TO_START


def _disk(alarm: Alarm, _now: datetime, _zone: ZoneInfo) -> AlarmWords:
    free, enough, kept = (alarm.number(name) for name in ("free", "enough", "kept"))
    fewer = kept > enough - free  # else no setting of the courier's gives it room
    return AlarmWords(
        title=f"Disk nearly full: {human_size(free)} left" if alarm.fact("folder") else "Disk nearly full",
        what="The next backups may find no room.",
        mend=f"Free space on the disk of {alarm.fact('folder')}, until {human_size(enough)} are free"
        + (f", or keep fewer backups (MAX_BACKUP_COUNT): they take about {human_size(kept)}." if fewer else ".")
        if alarm.fact("folder")
        else "Free some space.",
        over="The disk has room again",
    )


def _by_cause(troubles: Mapping[str, str]) -> str:
    """Return each cause once, with those that it befell: `users.db, shop.db are missing; log.db is locked`."""
    causes = []
    for state in dict.fromkeys(skip_words(reason).state for reason in troubles.values()):
        names = [name for name, reason in troubles.items() if skip_words(reason).state == state]
        causes.append(f"{plain_names(names, 4)} {'is' if len(names) == 1 else 'are'} {state}")
    return "; ".join(causes)


def _figures(alarm: Alarm) -> str:
    figures = full_disk([alarm.facts])
    return f"Not enough disk space: {figures}." if figures else ""


def _mend_all(reasons: Collection[str], facts: Facts, *, several: bool) -> str:
    if {*reasons} <= REMOVABLE:
        return f"{_IN_COMMON} Put the files back, then try again."
    if several and {*reasons} == {SkipReason.DAMAGED}:
        return RESTORE_ALL
    return mend_words(next(iter(reasons)), facts) if len(reasons) == 1 else "Mend that, then try again."


_KINDS: dict[AlarmKind, Callable[[Alarm, datetime, ZoneInfo], AlarmWords]] = {
    AlarmKind.RUN: _run,
    AlarmKind.SKIPPED: _skipped,
    AlarmKind.GONE: _skipped,
    AlarmKind.SHRUNKEN: _shrunken,
    AlarmKind.STALE: _stale,
    AlarmKind.LOST: _lost,
    AlarmKind.DRILL: _drill,
    AlarmKind.UNREACHABLE: _unreachable,
    AlarmKind.DISK: _disk,
    AlarmKind.CLOCK: surroundings.clock,
    AlarmKind.CONFLICT: surroundings.conflict,
    AlarmKind.TOKEN: surroundings.token,
    AlarmKind.NEW_BOT: surroundings.new_bot,
    AlarmKind.LOCAL_FILES: surroundings.local_files,
}
