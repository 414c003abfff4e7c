"""The `config` command: the settings in force, and the databases taken, refused and left out, with reasons."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import output
from bot.cli.options import DEFAULT_ENV, EnvFile, Json
from bot.clock import utc_now, zone_name
from bot.config.folders import own_folders
from bot.config.settings import Settings, load_settings
from bot.errors import SettingsError
from bot.models import Action, Actor, ChatLoad, Database
from bot.services.backup.startup import open_store
from bot.services.catalogue import stored_archive_bytes, stored_expected, stored_names, stored_override
from bot.services.messages.timers import stored_timer_warnings
from bot.services.people.choices import ADMINS, PLACES
from bot.services.people.lists import Lists
from bot.services.schedule.load import chat_load
from bot.services.schedule.plan import SCHEDULE, SchedulePlan, resolve
from bot.services.snapshot.databases import Discovery, find_databases
from bot.services.snapshot.hidden_log import outlook
from bot.texts.load import load_words
from bot.texts.markup import one_line
from bot.texts.schedule_words import in_words
from bot.words.causes import in_full
from bot.words.warnings import warning_words

_MOST_LEFT_OUT = 20


class Resettable(StrEnum):
    """A setting in whose place something can be chosen in the chat."""

    SCHEDULE = "SCHEDULE"
    ADMIN_IDS = ADMINS
    DELIVER_TO = PLACES


Outlooks = dict[Database, tuple[str, str]]
"""Why a database would be refused although it is there, and what would be warned of: sentences, empty for neither."""

EXAMPLES = ("sqlite-courier config", "sqlite-courier config --all", "sqlite-courier config --reset SCHEDULE")


def command(
    env_file: EnvFile = DEFAULT_ENV,
    everything: Annotated[bool, typer.Option("--all", help="Also the settings that nobody has changed.")] = False,
    json: Json = False,
    reset: Annotated[
        Resettable | None,
        typer.Option("--reset", metavar="SETTING", help="Forget what was chosen in the chat in place of this setting."),
    ] = None,
) -> None:
    """Print what would be backed up, to whom and when, and the settings in force, with secrets masked.

    Exit code 2 where a setting can't be used as it is.
    """
    settings = load_settings(env_file)
    if reset is not None:
        asyncio.run(_reset(settings, reset))
        return
    expected = stored_expected(settings.backup_dir)
    found = find_databases(settings.databases, {}, own=own_folders(settings), expected=expected, include_hidden=True)
    plan = resolve(settings.schedule, stored_override(settings.backup_dir, SCHEDULE))

    async def look() -> Outlooks:
        return {database: await outlook(database.path) for database in found.databases}

    outlooks = asyncio.run(look())
    chosen = {name: stored_override(settings.backup_dir, name) for name in (ADMINS, PLACES)}
    people = Lists(settings, {name: override for name, override in chosen.items() if override is not None})
    timers = stored_timer_warnings(settings.backup_dir, people.everybody)
    found_out = (warning_words(why, settings.timezone) for why in (plan.fault, *timers) if why)
    warnings = (*settings.warnings, *found_out)
    if json:
        _print_json(settings, found, outlooks, plan, people, warnings)
    _require_no_folder(found)
    if not json:
        _print(settings, found, outlooks, plan, people, warnings, env_file=env_file, everything=everything)


async def _reset(settings: Settings, name: Resettable) -> None:
    """Let a setting hold again; the running service follows within half a minute."""
    async with open_store(settings) as (_, catalogue):
        override = {Resettable.SCHEDULE: SCHEDULE}.get(name, name.value)
        if override not in await catalogue.service.overrides():
            output.say(f"Nothing was chosen in the chat in place of {name.value}.")
            return
        await catalogue.service.clear_override(override)
        await catalogue.service.audit(Actor.COMMAND_LINE, Action(f"reset {name.value}"))
    output.say(f"{name.value} of .env is followed again. A running service follows within half a minute.")


def _print_json(
    settings: Settings,
    found: Discovery,
    outlooks: Outlooks,
    plan: SchedulePlan,
    people: Lists,
    warnings: tuple[str, ...],
) -> None:
    output.print_json(
        {
            "settings": {name: {"value": value, "source": source} for name, value, source in settings.effective()},
            "databases": [
                {"name": entry.name, "path": entry.path}
                | {key: words for key, words in zip(("refused", "warning"), outlooks[entry], strict=True) if words}
                for entry in found.databases
            ],
            "missing": [{"path": entry.database.path, "detail": in_full(entry.why)} for entry in found.missing],
            "left_out": found.left_out,
            "recipients": [recipient.address for recipient in people.recipients],
            "overrides": ({"SCHEDULE": plan.override} if plan.override else {}) | dict(people.overrides),
            "warnings": warnings,
        }
    )


def _print(
    settings: Settings,
    found: Discovery,
    outlooks: Outlooks,
    plan: SchedulePlan,
    people: Lists,
    warnings: tuple[str, ...],
    *,
    env_file: Path,
    everything: bool,
) -> None:
    """Print what is backed up, to whom and when, what is left out; then the settings that somebody decided, or all."""
    taken = [entry for entry in found.databases if not outlooks[entry][0]]
    output.say(f"Backed up ({len(taken)}):")
    for entry in taken:
        output.say(f"  {entry.name}  ←  {one_line(str(entry.path))}")
        if warning := outlooks[entry][1]:
            output.warn(one_line(warning))
    for entry in found.databases:
        if refused := outlooks[entry][0]:
            output.complain("  refused", one_line(f"{entry.path}: {refused}"))
    for missing in found.missing:
        path, said = f"{missing.database.path}", in_full(missing.why)
        output.complain(f"  {missing.reason}", one_line(said if path in said else f"{path}: {said}"))
    names = stored_names(settings.backup_dir)
    output.tell(f"Delivered to: {', '.join(names.get(one) or one.called for one in people.recipients) or 'nobody'}")
    output.tell(f"When: {in_words(plan.expression)} ({zone_name(settings.timezone)})")
    load = _load(settings, plan, taken)
    if load.is_much and people.chats:
        output.warn(f"that is {load_words(load)}; SCHEDULE=every 6 hours brings less of them")
    if found.left_out:
        output.say(f"Left out ({len(found.left_out)}):")
        for each in found.left_out[:_MOST_LEFT_OUT]:
            output.say(f"  {one_line(each.why)}")
        if len(found.left_out) > _MOST_LEFT_OUT:
            output.say(f"  and {len(found.left_out) - _MOST_LEFT_OUT} more (--json names all)")
    rows = settings.effective()
    _print_settings(rows, env_file, everything=everything)
    _print_chosen({name: source for name, _, source in rows}, plan, people)
    for line in warnings:
        output.warn(line)


def _print_settings(rows: Sequence[tuple[str, str, str]], env_file: Path, *, everything: bool) -> None:
    output.say(f"\nSettings, read from {env_file.absolute()}:" if env_file.exists() else "\nSettings:")
    shown = rows if everything else [row for row in rows if row[2] != "default"]
    if {source for _, _, source in shown} == {env_file.name}:  # as the line above says
        output.print_table(("setting", "value"), [(name, one_line(value)) for name, value, _ in shown])
    else:
        table = [(name, source, one_line(value)) for name, value, source in shown]
        output.print_table(("setting", "from", "value"), table)
    if len(shown) < len(rows):
        output.say(f"{len(rows) - len(shown)} more at their defaults (--all).")


def _load(settings: Settings, plan: SchedulePlan, taken: Sequence[Database]) -> ChatLoad:
    """Work out what comes into each chat: by the newest archive, or else by the size of what would go into it."""
    made = stored_archive_bytes(settings.backup_dir)
    return chat_load(
        plan.expression,
        settings.timezone,
        utc_now(),
        archive_bytes=sum(map(_size, taken)) if made is None else made,
        volume_mb=settings.volume_size_mb,
        at_most=made is None,
    )


def _size(database: Database) -> int:
    with suppress(OSError):
        return database.path.stat().st_size
    return 0


def _print_chosen(sources: Mapping[str, str], plan: SchedulePlan, people: Lists) -> None:
    """Print what was chosen in the chat in place of settings."""
    if plan.override is not None:
        output.tell(
            f"SCHEDULE: {plan.setting} from {sources['SCHEDULE']}, overridden in chat by {plan.override.set_by}: "
            f"{plan.expression}"
        )
    for name, override in people.overrides.items():
        choice = people.choice(name)
        changes = {"added": choice.added, "removed": choice.removed}
        said = " and ".join(f"{what} {', '.join(ones)}" for what, ones in changes.items() if ones)
        output.tell(
            f"{name}: from {sources[name]}; {said} in the chat, last by {override.set_by} (config --reset {name})"
        )


def _require_no_folder(found: Discovery) -> None:
    """Raise `SettingsError` where DATABASES names a folder: none of its files is backed up by that."""
    paths = (missing.database.path for missing in found.missing)
    folders = [path for path in paths if os.path.isdir(path)]  # noqa: PTH112 - False where nobody may look
    if folders:
        raise SettingsError(
            tuple(f"DATABASES names {folder}, which is a folder." for folder in folders),
            hint=f"Name the databases in it: {folders[0] / '*.db'}",
        )
