"""Asks what is to be changed where setup was run before."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from bot.cli import output
from bot.cli.key_pair import KeyPair
from bot.cli.setup.answers import WAIT, Draft, SetupAnswers
from bot.cli.setup.asking import Asker, Line
from bot.cli.setup.databases import take_databases
from bot.cli.setup.people import admins_of, remove_admin, remove_place, take_people, who_is_there
from bot.cli.setup.sealing import take_sealing
from bot.config.values import split_items

Change = Literal["databases", "admin", "no admin", "place", "no place", "seal", "done"]

_FLAGS = "--database, --admin, --place, --remove-…, --seal or --yes"


async def ask_for_changes(draft: Draft, answers: SetupAnswers, ask: Asker, *, served: bool) -> KeyPair | None:
    """Take one change after the other until it is enough; return a new key pair, if one was made.

    With `--yes` nothing is asked, and nothing changed.
    """
    pair: KeyPair | None = None
    while not answers.yes:
        output.tell(f"\n{who_is_there(draft)} It backs up: {draft.given('DATABASES')}.")
        match await ask.choose("What changes?", _lines(draft, pair), flag=_FLAGS):
            case "databases":
                await take_databases(draft, SetupAnswers(), ask, again=True)
            case "admin":
                await take_people(draft, SetupAnswers(admins=[WAIT]), ask, served=served)
            case "place":
                await take_people(draft, SetupAnswers(places=[WAIT]), ask, served=served)
            case "no admin":
                numbers = [str(number) for number in admins_of(draft)]
                remove_admin(draft, int(await _which(ask, "Who is no admin any more?", numbers, "--remove-admin")))
            case "no place":
                places = split_items(draft.given("DELIVER_TO"))
                remove_place(draft, await _which(ask, "Where do no backups go any more?", places, "--remove-place"))
            case "seal":
                pair = await take_sealing(draft, replace(answers, seal=True), ask)
            case _:
                break
    return pair


def _lines(draft: Draft, pair: KeyPair | None) -> list[Line[Change]]:
    lines: list[Line[Change]] = [
        Line(title="Nothing more", value="done"),
        Line(title="The databases", value="databases"),
        Line(title="Another admin", value="admin"),
        Line(title="Another group or topic that receives", value="place"),
    ]
    if len(admins_of(draft)) > 1:
        lines.append(Line(title="Somebody is no admin any more", value="no admin"))
    if draft.given("DELIVER_TO"):
        lines.append(Line(title="A place receives no more", value="no place"))
    if pair is None and not draft.given("AGE_RECIPIENTS") and not draft.settings.seal:
        lines.append(Line(title="Seal the backups", value="seal"))
    return lines


async def _which(ask: Asker, question: str, items: list[str], flag: str) -> str:
    return await ask.choose(question, [Line(title=item, value=item) for item in items], flag=flag)
