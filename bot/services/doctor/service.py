"""Examines the service and what it has done: installed, alive, the last backup, its test-restore, its seal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.clock import date_time
from bot.config.settings import Settings
from bot.errors import SealError
from bot.models import Condition, Examined, Status
from bot.services.doctor.parts import good, look, wrong
from bot.services.host.accounts import owner_of
from bot.services.host.machine import ask, kind_of_machine, manager_runs, of_settings, unit_of
from bot.services.host.systemd import read_only_in
from bot.services.status.verdict import backup_condition
from bot.words.causes import mend_of, sentence_of
from bot.words.drills import drill_words
from bot.words.outcomes import reason_words

_LINES = {Condition.GOOD: good, Condition.LOOK: look, Condition.WRONG: wrong}


def installed(env_file: Path | None, *, pid: int | None, writable: Iterable[Path] = ()) -> Examined:
    """Ask this machine what starts the service of these settings, which writes to those folders. Blocking.

    `pid` is the process of the service that lives, None without one.
    """
    place = of_settings(env_file) if env_file is not None else None
    about = "Start with the machine"
    if place is None:
        return _started_otherwise(about, pid)
    known = ask(place)
    said = f"{known.file}, {known.kind}, as {known.user}"
    if known.starts_with_machine is False:
        return wrong("installed", about, f"{said}: not enabled", "Install it again: `sqlite-courier service install`.")
    if shut := read_only_in(place.text, writable):
        folders = ", ".join(map(str, shut))
        mend = "Install it again: `sqlite-courier service install`."
        return wrong("installed", about, f"{said}: it may only read {folders}, which the settings name now", mend)
    if known.active is False:
        return wrong("installed", about, f"{said}: {known.state}", f"systemctl status {known.name} says why.")
    return good("installed", about, f"{said}{f', {known.state}' if known.state else ''}")


def _started_otherwise(about: str, pid: int | None) -> Examined:
    """Tell what is known of a service that `service install` did not write."""
    said, kind = "`sqlite-courier service install` has not been used", kind_of_machine()
    mend = "Use it, unless a container or a unit of your own starts the service."
    if pid is None:
        return look("installed", about, said, mend)
    if not manager_runs(kind):
        return good("installed", about, f"{kind} does not run here: what started the service has to start it again")
    unit = unit_of(pid)
    if unit:
        return good("installed", about, f"{said}; the service runs in {unit}")
    by_hand = "" if unit is None else ": the service was started by hand, and is not started again with the machine"
    return look("installed", about, f"{said}{by_hand}", mend)


def alive(status: Status, timezone: ZoneInfo) -> Examined:
    """Tell whether scheduled backups happen."""
    about = "Service"
    if status.state.is_running:
        return good("service", about, f"running{_next(status, timezone)}")
    if status.is_paused:
        return look("service", about, sentence_of(status.state_reason), "Resume in the chat, when you like.")
    mend = mend_of(status.state_reason) or "Start it: `sqlite-courier run`, or what starts it with the machine."
    return wrong("service", about, sentence_of(status.state_reason), mend)


def results(status: Status, timezone: ZoneInfo, *, drills_planned: bool) -> Iterator[Examined]:
    """Tell of the last good backup, who has it, and the last test-restore."""
    proven, latest = status.latest_proven, status.latest
    condition = backup_condition(status)
    if proven is None:
        yield _LINES[condition](
            "backup", "Last backup", "none that is good yet", "`sqlite-courier backup` makes one now."
        )
    else:
        failed = "; the newest run failed" if latest is not None and not latest.proven else ""
        without = f", without {len(latest.skipped)} that could not be copied" if latest and latest.skipped else ""
        old = ", too old" if status.stale else ""
        said = f"backup {proven.id} of {date_time(proven.started_at, timezone)}{old}{without}{failed}"
        mend = (
            "`sqlite-courier show latest` says why." if without or failed else "`sqlite-courier backup` makes one now."
        )
        yield _LINES[condition]("backup", "Last backup", said, "" if condition is Condition.GOOD else mend)
        yield _delivery(status)
    drill = status.last_drill
    if drill is not None:
        line = good if drill.ok and drill.opened else look if drill.ok else wrong
        said = f"backup {drill.backup_id} {drill.source.words}, {date_time(drill.at, timezone)}: {drill_words(drill)}"
        mend = "" if drill.ok else "`sqlite-courier verify latest` looks again, `list` names older backups."
        yield line("drill", "Last test-restore", said, mend)
    elif proven is not None:
        planned = "" if drills_planned else ", and none is planned (DRILL_SCHEDULE=off)"
        mend = "`sqlite-courier verify latest` makes one now."
        yield look("drill", "Last test-restore", f"none yet{planned}", mend)
    for sentence in status.cut_off:
        yield look("restore", "Restore", sentence)


def _delivery(status: Status) -> Examined:
    """Tell who has the newest good backup; who waits for a first try is no trouble."""
    deliveries = status.latest_deliveries
    if not deliveries:
        mend = "Name an admin in ADMIN_IDS, or another place in DELIVER_TO: what is only here goes with this machine."
        return look("delivery", "Delivery", "to nobody: no chat receives backups", mend)
    known = {one.recipient: one.name for one in status.recipients}
    owed = [one for one in deliveries if not one.received and not one.told_only]
    why = "; ".join(
        f"{known.get(one.recipient) or one.recipient.called}: {reason_words(one.reason)}" for one in owed if one.reason
    )
    waits = f", {len(owed)} to come" if owed else ""
    said = f"{len(deliveries) - len(owed)} of {len(deliveries)} have it{waits}{f' ({why})' if why else ''}"
    if not why:
        return good("delivery", "Delivery", said)
    return look("delivery", "Delivery", said, "It is sent as soon as they can be reached: nothing else is to be done.")


def seal(settings: Settings) -> Examined:
    """Tell with what archives are sealed, and whether they can be opened here. Blocking."""
    with_what = settings.seal
    if with_what is None:
        return good("seal", "Seal", "off: who can read the chat can read the databases")
    try:
        opens = bool(settings.keys)
    except SealError as error:
        return wrong("seal", "Seal", error.sentence, error.hint)
    how = f"for {with_what.label}"
    if not opens:
        return look(
            "seal", "Seal", f"sealed {how}; no key is here, so test-restores compare bytes and restore nothing",
            "Keep the key where you find it without this machine; AGE_IDENTITY_FILE lets test-restores open archives.",
        )  # fmt: skip
    return good("seal", "Seal", f"sealed {how}, and can be opened here")


def as_whom(settings: Settings, user: str) -> Iterator[Examined]:
    """Warn where the rights that were looked at are not those of the service. Blocking."""
    env_file = settings.given.env_file
    place = of_settings(env_file) if env_file is not None else None
    service = ask(place).user if place is not None else ""
    if service and service != user:
        yield look(
            "user", "User", f"you are {user}, and the service runs as {service}: rights were looked at as yours",
            f"Run it as {service}, or as root, who looks as {service}.",
        )  # fmt: skip
    elif not service and user == "root" and settings.backup_dir.is_dir() and owner_of(settings.backup_dir) != user:
        yield look("user", "User", f"you are root, and {settings.backup_dir} is {owner_of(settings.backup_dir)}'s")


def _next(status: Status, timezone: ZoneInfo) -> str:
    return "" if status.next_run_at is None else f", next run {date_time(status.next_run_at, timezone)}"
