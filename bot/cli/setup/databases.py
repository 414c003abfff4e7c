"""Shows the databases of this machine to tick, and keeps what was ticked as DATABASES."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from bot.cli import output
from bot.cli.setup.answers import Draft, SetupAnswers
from bot.cli.setup.asking import Asker, Line, width
from bot.config.env_file import path_list
from bot.config.folders import own_folders
from bot.config.values import database_patterns
from bot.errors import NotFoundError, SettingsError
from bot.models import Database
from bot.services.finding.databases import Candidate, Search, find_candidates, glob_over
from bot.services.host import accounts
from bot.services.snapshot.databases import find_databases
from bot.services.snapshot.patterns import absolute, covers, is_glob
from bot.texts.measures import count, human_size
from bot.words.causes import in_full

_TYPED = ""
"""The line that asks for a path."""

_NAMED = 5  # databases that are named where nobody can be asked


async def take_databases(draft: Draft, answers: SetupAnswers, ask: Asker, *, again: bool = False) -> None:
    """Settle DATABASES in the draft: what was answered, else what is ticked; `again` asks although it is set.

    Raises `SettingsError` where a path is none, or nobody can be asked; `NotFoundError` for one to remove that is not
    among them.
    """
    patterns = list(_patterns_of(draft.given("DATABASES")))
    for path in answers.remove_databases:
        patterns = _without(patterns, path)
    for path in answers.databases:
        if fault := _fault_of(path):
            raise SettingsError((f"--database {path}: {fault}",))
        if not any(covers(pattern, absolute(path)) for pattern in patterns):
            patterns.append(str(absolute(path)))
    if not answers.databases and not answers.remove_databases and (again or not patterns):
        patterns = await _ticked(draft, patterns, ask)
    elif not patterns:
        raise SettingsError(("No database would be left: name another one with --database.",))
    if patterns != list(_patterns_of(draft.given("DATABASES"))):
        draft.values["DATABASES"] = path_list(patterns)
    await asyncio.to_thread(_say_what_is_taken, draft, patterns)


async def _ticked(draft: Draft, patterns: Sequence[str], ask: Asker) -> list[str]:
    output.tell("Looking for databases …")
    search = await asyncio.to_thread(find_candidates, own=own_folders(draft.settings))
    if not ask.terminal:
        named = " ".join(f"--database {each.path}" for each in search.databases[:_NAMED] if each.readable)
        ask.require("Which databases are backed up", f"--database PATH, once for each ({named or 'none was found'})")
    for remark in search.remarks:
        output.warn(remark)
    lines = _lines(search, patterns)
    chosen = [_TYPED]
    if lines:
        lines.append(Line(title="Another path, or a pattern such as /srv/bot/*.db", value=_TYPED))
        chosen = await ask.tick(
            "What is backed up?", lines, flag="--database PATH", empty="Tick one at least, by the space bar."
        )
    if _TYPED in chosen:
        question = "The path of a database, or a pattern such as /srv/bot/*.db:"
        typed = await ask.text(question, flag="--database PATH", check=_fault_of)
        chosen = [*(each for each in chosen if each != _TYPED), str(absolute(typed))]
    globs = [each for each in chosen if is_glob(each)]
    return [each for each in chosen if each in globs or not any(covers(glob, Path(each)) for glob in globs)]


def _lines(search: Search, patterns: Sequence[str]) -> list[Line[str]]:
    """Return what there is to tick: what is set now, patterns over what lies together, single databases."""
    lines = [Line(title=_short(pattern, width()), value=pattern, ticked=True) for pattern in patterns]
    fresh = [each for each in search.databases if not any(covers(pattern, each.path) for pattern in patterns)]
    readable = [each.path for each in fresh if each.readable]
    for pattern in _globs_over(readable, {each.path for each in fresh if each.programs}):
        held = sum(covers(pattern, each.path) for each in search.databases if each.readable)
        title = f"  ({count(held, 'database')} now, and every new one)"
        lines.append(Line(title=_short(pattern, width() - len(title)) + title, value=pattern))
    for each in fresh:
        why_not = "" if each.readable else f"run setup as {each.owner or 'its owner'}"
        ticked = not patterns and each.readable and bool(each.programs)
        lines.append(Line(title=_title(each, why_not), value=str(each.path), ticked=ticked, why_not=why_not))
    return lines


def _globs_over(paths: Sequence[Path], in_use: Collection[Path]) -> list[str]:
    """Return a pattern for each folder with several databases of a kind, or with one that a program has open."""
    kinds = dict.fromkeys((path.parent, path.suffix) for path in paths)
    together = [[path for path in paths if (path.parent, path.suffix) == kind] for kind in kinds]
    worth = [some for some in together if len(some) > 1 or any(path in in_use for path in some)]
    return [pattern for some in worth if (pattern := glob_over(some, paths))]


def _title(each: Candidate, why_not: str) -> str:
    facts = [human_size(each.bytes)]
    if each.readable:
        facts.append("WAL" if each.wal else "rollback journal")
    if each.programs:
        others = f" +{len(each.programs) - 1}" if len(each.programs) > 1 else ""
        facts.append(f"open in {each.programs[0][:20]}{others}")
    if each.owner and each.owner != accounts.me():
        facts.append(f"of {each.owner}")
    behind = f"  {', '.join(facts)}"
    return _short(str(each.path), max(20, width() - len(behind) - (len(why_not) + 3 if why_not else 0))) + behind


def _short(path: str, room: int) -> str:
    """Return a path in so many columns; the middle goes first, since its end names it."""
    if len(path) <= room:
        return path
    head = room // 3
    return f"{path[:head]}…{path[len(path) - (room - head - 1) :]}"


def _say_what_is_taken(draft: Draft, patterns: Sequence[str]) -> None:
    """Say what that is at the moment, and as which user the service has to run for it."""
    found = find_databases(patterns, {}, own=own_folders(draft.settings))
    for missing in found.missing:
        output.warn(in_full(missing.why))
    if not found.databases:
        raise SettingsError(("Nothing of that can be backed up: name a database that is there.",))
    output.tell(f"✓ {count(len(found.databases), 'database')}: {', '.join(each.name for each in found.databases)}.")
    draft.owner = _say_whose(found.databases, draft.env_file.parent)


def _say_whose(databases: Sequence[Database], folder: Path) -> str:
    """Return as whom the service should run, and say so where that is somebody else; its `folder` is that of the .env.

    Raises `SettingsError` where this user can read none of the databases.
    """
    me = accounts.me()
    owners = sorted({accounts.owner_of(each.path) for each in databases})
    if owners == [me]:
        return me
    named = " and ".join(owners)
    if accounts.IS_ROOT and len(owners) == 1:
        output.tell(f"They belong to {named}: the service is to run as {named}, and what setup writes is theirs.")
        if fault := accounts.fault_of_running(owners[0], folder):
            output.warn(
                f"{fault}. End here (Ctrl-C) and install it where {named} may read, such as in /opt; or go on, and have"
                " root run the service: `sqlite-courier service install --as root`."
            )
        return owners[0]
    if not any(os.access(each.path, os.R_OK) for each in databases):
        raise SettingsError((f"You are {me}, who may read none of them.",), hint=f"Run setup as {named}, their owner.")
    output.warn(
        f"You are {me}, and the databases belong to {named}: the service has to run as a user who may read them all."
        f" If that is not you, end here (Ctrl-C), and run setup as that user."
    )
    return me


def _patterns_of(text: str) -> tuple[str, ...]:
    try:
        return database_patterns(text) if text else ()
    except ValueError as error:
        raise SettingsError((f"DATABASES {error}",)) from None


def _fault_of(text: str) -> str:
    """Say why a path or pattern names no database; empty where it names one at least."""
    try:
        patterns = database_patterns(text)
    except ValueError as error:
        return f"It {error}"
    if len(patterns) != 1:
        return "Write one path or pattern."
    found = find_databases(patterns, {})
    if found.databases:
        return ""
    return in_full(found.missing[0].why) if found.missing else "There is no such file."


def _without(patterns: Sequence[str], path: str) -> list[str]:
    left = [pattern for pattern in patterns if pattern not in (path, str(absolute(path)))]
    if len(left) < len(patterns):
        return left
    by = next((pattern for pattern in patterns if covers(pattern, absolute(path))), "")
    hint = f"It is taken by the pattern {by}: remove that, and add the others." if by else ""
    raise NotFoundError(f"{path} is not in DATABASES.", hint=hint)
