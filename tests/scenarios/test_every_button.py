"""Every button of every screen, pressed; after a restart, pressed again as it stands in the chat; and by a stranger."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bot.demo.stand_in.state import Button, Message
from bot.models import Action
from tests.world.clock import until
from tests.world.phones import Person, PhonePress
from tests.world.service import Town, town_in

AT_ONCE = (Action.PINNED, Action.UNPINNED, Action.NOTE_REMOVED, Action.DELETED, Action.FORGOT, Action.DATABASES_CHOSEN)
"""What is done when the press is answered; a restore, or an archive that is sent again, is some presses later."""

_OWN = "adm:remove:11"  # who removes herself is a stranger from then on

MOST = 600
"""Presses of a walk: screens that lead to one another for ever would be no end of it."""

REACHED = (
    "adm alarm arc at away bk cron cronreset cronset crontype dbback dbone dbs drill erase go hist in log logfile my"
    " mydb mydball mydbs myend myloud mymode myquiet pause pausetill pic place report resume rst run set"
)
"""The kinds of buttons that a walk finds, by how their data begins; or it would have ended too early."""

_ID = re.compile(r"[0-9a-f]{8,}|\d+")


@dataclass(frozen=True)
class Known:
    """A button as it was shown once."""

    on: Message
    button: Button

    @property
    def data(self) -> str:
        return self.button.callback_data or ""

    @property
    def says(self) -> str:
        return f"[{self.button.text}] on: {self.on.text} {self.on.button_texts}"


@dataclass
class Walk:
    """What Ann has seen, and what came of pressing it."""

    town: Town
    log: list[str]
    seen: dict[str, Known] = field(default_factory=dict)
    pressed: Counter[str] = field(default_factory=Counter)
    done: set[Known] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Remember every button that stands in the chat now."""
        for message in self.town.ann.messages:
            for each in buttons_of(message):
                if each.data != _OWN:
                    self.seen.setdefault(each.data, each)

    def next(self) -> Known | None:
        """One of a kind that was not pressed twice yet: on the newest screen, so that questions are answered."""
        self.look()
        left = [known for known in self.seen.values() if self.pressed[kind_of(known)] < 2 and known not in self.done]
        return max(left, key=lambda known: known.on.revision, default=None)

    async def to_the_end(self) -> None:
        """Press two of each kind, until nothing new comes."""
        for _ in range(MOST):
            known = self.next()
            if known is None:
                await until(self.is_idle, within=60)
                if self.next() is None:
                    return
                continue
            self.pressed[kind_of(known)] += 1
            self.done.add(known)
            await self.press(known)
        raise AssertionError(f"no end after {MOST} presses")

    async def is_idle(self) -> bool:
        return self.town.service.courier.runs.running is None

    async def press(self, known: Known) -> None:
        """Press a button as it stood there; it is answered, has done something or says why not, and logs no fault."""
        ann, logged = self.town.ann, len(self.log)
        audits = await self.acts()
        before = max((message.revision for message in ann.messages), default=0), len(ann.messages)

        def has_changed() -> bool:
            return (max((message.revision for message in ann.messages), default=0), len(ann.messages)) != before

        press = ann.press_data(known.data, known.on)
        try:
            answer = await press.answered(within=30)
            gone = known.on.id not in known.on.chat.messages  # closed, or replaced by another
            if not answer.text and not gone and not await press.state.changes.until(has_changed, within=30):
                self.faults.append(f"nothing came of {known.data}: {known.says}")
        except TimeoutError:
            self.faults.append(f"no answer to {known.data}: {known.says}")
        self.look()
        faults = [line for line in self.log[logged:] if "Traceback" in line]
        self.faults += [f"{known.data}: {line}" for line in faults]
        for act, facts in (await self.acts())[len(audits) :]:
            for name, value in facts if act in AT_ONCE else ():
                named = rf"ackup {value}\b" if name == "backup" else re.escape(str(value))
                if name in ("backup", "database") and not re.search(named, known.says):
                    self.faults.append(f"{known.data} did {act} to {name} {value}: {known.says}")

    async def acts(self) -> list[tuple[str, tuple[tuple[str, object], ...]]]:
        entries = await self.town.service.courier.catalogue.service.audits(10_000)
        return [(entry.action, entry.facts) for entry in reversed(entries)]


def buttons_of(message: Message) -> Iterator[Known]:
    for row in message.buttons:
        for button in row:
            if button.callback_data:
                yield Known(message, button)


def kind_of(known: Known) -> str:
    """What a press does, whatever it does it to; on each kind of screen."""
    return f"{_ID.sub('#', known.data)} {_ID.sub('#', known.button.text)[:12]}"


async def filled(town: Town) -> None:
    """Backups, one with a database that has shrunk and one without another, their alarms, and files that were sent."""
    ann = town.ann
    made = await town.made()
    with closing(sqlite3.connect(town.users)) as connection, connection:
        connection.execute("DELETE FROM entries WHERE id > 5")
    await town.made()
    away = town.notes.rename(town.notes.with_suffix(".away"))
    await town.made()
    await town.service.courier.alarm_loop.deliver()
    second = next(path for path in sorted(town.settings.backup_dir.glob("*.zip")) if path.name != made.archive_name)
    second.unlink()
    await town.service.courier.alarm_loop.deliver()
    await ann.send("/start")
    await ann.send("/admin")
    await ann.send_document(town.settings.backup_dir / made.archive_name)
    await ann.wait_for(lambda message: "A backup, intact" in message.text, within=30)
    await ann.send_document(away, name="notes.db")
    await ann.wait_for(lambda message: "A database file" in message.text, within=30)


async def test_every_button_to_the_end_again_after_a_restart_and_by_a_stranger(
    tmp_path: Path, log_lines: list[str]
) -> None:
    """Nothing ends in a traceback, goes unanswered, does nothing without a word, or acts on what it did not name."""
    async with town_in(tmp_path, rows=(200, 50), start=False, DELIVER_TO="11,12,-1001") as town:
        town.api.add_group(-1001, members=[town.ann])
        stranger: Person = town.api.add_user(99, "Eve")
        await town.start()
        walk = Walk(town, log_lines)
        await filled(town)
        await walk.to_the_end()
        reached = {re.split("[: ]", kind)[0] for kind in walk.pressed}
        assert reached >= set(REACHED.split()), sorted(set(REACHED.split()) - reached)
        await town.restart()
        remembered = tuple(walk.seen.values())
        for known in remembered:
            await walk.press(known)
        acts = await walk.acts()
        presses: list[PhonePress] = [stranger.press_data(known.data, known.on) for known in remembered]
        await town.ann.press_data("go:menu", walk.seen["go:menu"].on).answered(within=60)
        assert [press.answer for press in presses if press.answer] == []
        assert await walk.acts() == acts
        assert walk.faults == []
