"""Sealing from end to end: the whole service, the chat alone, a new machine with the printed key, drills, adoption."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import zipfile
from pathlib import Path

import pytest

from bot.app.service import Service, open_courier
from bot.clock import utc_now
from bot.config.settings import Settings, load_settings
from bot.demo.stand_in.state import Message
from bot.errors import SealError
from bot.models import NO_REASON, Backup, DrillSource, Reason, RetentionCode, Trigger
from bot.services.concurrency.abort import Abort
from bot.services.manager import Courier
from bot.services.recovery.document import DOCUMENT_NAME
from bot.services.sealing.age import new_identity
from bot.services.sealing.keys import BY_PASSPHRASE, UNKNOWN, fingerprint
from bot.texts import history as history_texts
from bot.texts import status as status_texts
from bot.texts.recovery_sheet import as_page, as_text
from bot.words.drills import drill_words
from tests.world.databases import make_database, noisy_database, rows_in, write_env
from tests.world.phones import Person
from tests.world.processes import ROOT
from tests.world.recovery import changed
from tests.world.shell import NewMachine, ended
from tests.world.stand_in import StandIn
from tests.world.stock_age import PASSPHRASE, identity_file, run_age, typed

SECRET, PUBLIC = new_identity()
MARK = fingerprint(PUBLIC)


@pytest.fixture
def machine(tmp_path: Path, standin: StandIn) -> NewMachine:
    return NewMachine(tmp_path / "new machine", standin)


def sealed_settings(folder: Path, api: StandIn | None, *sources: Path, **more: str) -> Settings:
    folder.mkdir(exist_ok=True)
    telegram = {} if api is None else {"BOT_TOKEN": api.bot().token, "TELEGRAM_API": api.url, "ADMIN_IDS": "11"}
    values = {"SCHEDULE": "0 0 1 1 *", "AGE_RECIPIENTS": PUBLIC, **telegram, **more}
    return load_settings(write_env(folder, sources, **values), need_telegram=api is not None)


async def back_up(courier: Courier) -> Backup:
    return (await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup


async def in_the_chat(settings: Settings) -> Backup:
    """Make a backup that is in Ann's chat, and in the list that is pinned there."""
    async with open_courier(settings, deliver=True) as courier:
        backup = await back_up(courier)
        await courier.pins.refresh()
    return backup


@pytest.fixture
def settings(standin: StandIn, tmp_path: Path) -> Settings:
    """Those of a service that seals backups of shop.db."""
    return sealed_settings(tmp_path, standin, make_database(tmp_path / "shop.db"))


def archives_of(person: Person) -> list[Message]:
    """The messages with archives or volumes, in order."""
    return [m for m in person.messages if m.document and m.document.name != DOCUMENT_NAME]


# --- the service ------------------------------------------------------------------------------------------------------


async def test_sealed_volumes_reach_the_chat_and_stock_tools_alone_open_them(
    standin: StandIn, ann: Person, tmp_path: Path
) -> None:
    """What is in the chat is sealed, captions and status name the key, and the recovery sheet's steps give all back."""
    settings = sealed_settings(tmp_path, standin, noisy_database(tmp_path / "shop.db", 2_500_000), VOLUME_SIZE_MB="1")
    async with Service.started(settings) as service:
        backup = await back_up(service.courier)
        status = status_texts.status(await service.courier.status(), settings.timezone)
    messages = archives_of(ann)
    name = backup.archive_name
    assert name.endswith(".zip.age")
    assert [m.document.name for m in messages if m.document] == [f"{name}.{n:03}" for n in (1, 2, 3)]
    assert f"opens only with the key file (its fingerprint: {MARK})" in messages[0].text
    assert "age -d -o backup.zip" in messages[0].text
    for message in messages:
        assert b"PK\x03\x04shop" not in await message.document.read()
    assert "Sealed (encrypted)" in status
    joined = tmp_path / name
    joined.write_bytes(b"".join([await m.document.read() for m in messages if m.document]))
    run_age("-d", "-i", identity_file(tmp_path, SECRET), "-o", tmp_path / "backup.zip", joined)
    with zipfile.ZipFile(tmp_path / "backup.zip") as opened:
        opened.extractall(tmp_path / "restored")
    assert rows_in(tmp_path / "restored" / "shop.db") == (625, 625)
    info = (tmp_path / "restored" / "backup_info.txt").read_text(encoding="utf-8-sig")
    assert "THIS ARCHIVE WAS SEALED" in info
    assert MARK in info
    assert f"age -d -i key.txt -o {name.removesuffix('.age')} {name}" in info


async def test_the_history_marks_it_and_it_is_sent_again_as_it_is(settings: Settings, ann: Person) -> None:
    """Details name the key, and sending it again sends the very same sealed bytes."""
    async with Service.started(settings) as service:
        backup = await back_up(service.courier)
        zone, now = settings.timezone, utc_now()
        details = history_texts.details(await service.courier.details(backup.id), now, zone)
        assert f"opens only with the key file (its fingerprint: <code>{MARK}</code>)" in details
        assert "archive read back and compared" in details
        assert "🔒" in history_texts.history_label(backup, now, zone)
        await service.courier.runs.send_again(backup.id, settings.deliver_to[0])
    first, second = archives_of(ann)
    assert first.document.unique_id == second.document.unique_id


async def test_what_is_not_sealed_never_says_so(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """The word comes from the archive, not from the settings: an old backup stays what it was."""
    source = make_database(tmp_path / "shop.db")
    open_settings = sealed_settings(tmp_path, standin, source, AGE_RECIPIENTS="")
    async with open_courier(open_settings, deliver=True) as courier:
        backup = await back_up(courier)
    assert backup.sealed == ""
    settings = sealed_settings(tmp_path, standin, source)
    async with open_courier(settings, deliver=True) as courier:
        zone = settings.timezone
        shown = [
            status_texts.status(await courier.status(), zone),
            history_texts.details(await courier.details(backup.id), utc_now(), zone),
            history_texts.history_label(backup, utc_now(), zone),
            *(m.text for m in ann.messages),
        ]
    assert not [text for text in shown if "ealed" in text or "🔒" in text]


async def test_a_secret_key_pasted_into_the_chat_is_warned_about(settings: Settings, ann: Person) -> None:
    """The bot takes no keys, says to delete the message, and repeats the key nowhere."""
    async with Service.started(settings):
        await ann.send(f"here it is: {SECRET.lower()}")
        answer = await ann.wait_for(lambda m: "secret key" in m.text, since=0)
    assert "Delete your message now" in answer.text
    assert SECRET not in answer.text.upper()


# --- from the chat alone ----------------------------------------------------------------------------------------------


async def test_everything_is_lost_and_comes_back_with_the_printed_key(
    standin: StandIn, ann: Person, machine: NewMachine, tmp_path: Path
) -> None:
    """The server is gone; the chat, the token and the key typed from the sheet give every row back, in volumes too."""
    old = tmp_path / "old"
    settings = sealed_settings(old, standin, noisy_database(tmp_path / "shop.db", 2_500_000), VOLUME_SIZE_MB="1")
    backup = await in_the_chat(settings)
    listed = await machine.recover("--admin", "11", "--list", "--json")
    assert json.loads(listed.out)[0]["sealed"] == MARK

    without = await machine.recover("--admin", "11", code=19)
    assert "is sealed by a key, and there is none here" in without.err
    assert "--identity FILE" in without.err
    wrong_key = identity_file(tmp_path, new_identity()[0])
    wrong = await machine.recover("--admin", "11", "--identity", str(wrong_key), code=19)
    assert "No key given here opens" in wrong.err
    assert list(machine.folder.iterdir()) == []

    sheet = as_text(PUBLIC, SECRET, MARK, utc_now().date())
    typed_key = re.search(r"SECRET KEY:\s+(\S+)", sheet)
    key = identity_file(tmp_path, typed_key[1])
    pinned = next(m for m in ann.messages if m.document and m.document.name == DOCUMENT_NAME)
    assert "the bot's token and the key of your recovery sheet are enough" in pinned.text
    done = await machine.recover("--admin", "11", "--identity", str(key), "--write-env", "--rebuild")
    assert rows_in(machine.folder / "recovered" / "shop.db") == (625, 625)
    assert f"AGE_RECIPIENTS={PUBLIC}" in (machine.folder / ".env").read_text(encoding="utf-8")
    assert (machine.folder / "backups" / backup.archive_name).is_file()
    assert not list(machine.folder.rglob("*.zip"))
    assert SECRET not in done.out + done.err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
async def test_the_key_is_asked_for_without_echo_and_again_when_it_is_wrong(
    standin: StandIn, ann: Person, machine: NewMachine, tmp_path: Path
) -> None:
    """Rubbish, a wrong key and a slip of the pen are each told; the right one, also in pieces, restores."""
    settings = sealed_settings(tmp_path / "old", standin, make_database(tmp_path / "shop.db", 30))
    await in_the_chat(settings)
    machine.folder.mkdir()
    in_pieces = " ".join(SECRET.lower()[n : n + 10] for n in range(0, len(SECRET), 10))
    done = await asyncio.to_thread(
        typed,
        [sys.executable, "-m", "bot", "recover", "--admin", "11", "--no-write-env", "--no-rebuild"],
        ["rubbish", new_identity()[0], in_pieces],
        cwd=machine.folder,
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "BOT_TOKEN": standin.bot().token, "TELEGRAM_API": standin.url,
            "COLUMNS": "200", "TIMEZONE": "UTC",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows_in(machine.folder / "recovered" / "shop.db") == (30, 30)
    assert "That is no secret key" in done.stdout
    assert "No key given here opens" in done.stdout
    assert SECRET not in done.stdout.upper()
    assert in_pieces not in done.stdout
    assert "rubbish" not in done.stdout


async def test_sealed_volumes_that_are_forwarded_are_waited_for(
    standin: StandIn, ann: Person, machine: NewMachine, tmp_path: Path
) -> None:
    """With nothing pinned, the volumes in any order and the key are enough."""
    settings = sealed_settings(
        tmp_path / "old", standin, noisy_database(tmp_path / "shop.db", 2_500_000), VOLUME_SIZE_MB="1"
    )
    async with open_courier(settings, deliver=True) as courier:
        await back_up(courier)
    messages = archives_of(ann)
    for message in ann.messages:
        message.chat.pinned.clear()
    key = identity_file(tmp_path, SECRET)
    process = machine.start("--admin", "11", "--wait", "1", "--identity", str(key))
    await standin.polled(within=30)
    for number in (1, 0, 2):
        await ann.forward(messages[number])
    out, err = await ended(process, standin)
    assert rows_in(machine.folder / "recovered" / "shop.db") == (625, 625)
    assert "of the sealed archive is missing" in err
    assert "shop.db restored to" in out


async def test_a_passphrase_seals_and_recovers(
    standin: StandIn, ann: Person, machine: NewMachine, tmp_path: Path
) -> None:
    """The passphrase of the server opens what comes from the chat; no other one does."""
    settings = sealed_settings(
        tmp_path / "old", standin, make_database(tmp_path / "shop.db", 30), AGE_RECIPIENTS="", AGE_PASSPHRASE=PASSPHRASE
    )
    async with open_courier(settings, deliver=True) as courier:
        backup = await back_up(courier)
        assert backup.sealed == BY_PASSPHRASE
        drill = await courier.drills.drill_newest()
        assert (drill.ok, drill.opened) == (True, True)
        await courier.pins.refresh()
    wrong = await machine.recover("--admin", "11", AGE_PASSPHRASE="umbrella cactus violin glacier", code=19)
    assert "The passphrase does not open" in wrong.err
    await machine.recover("--admin", "11", AGE_PASSPHRASE=PASSPHRASE)
    assert rows_in(machine.folder / "recovered" / "shop.db") == (30, 30)
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.name != ".env":
            assert PASSPHRASE.encode() not in path.read_bytes(), path


# --- test-restores ----------------------------------------------------------------------------------------------------


async def test_without_a_key_a_drill_compares_the_bytes_and_says_so(settings: Settings, ann: Person) -> None:
    """It is read back from Telegram and compared, and nobody is told that a restore was proven."""
    async with open_courier(settings, deliver=True) as courier:
        backup = await back_up(courier)
        drill = await courier.drills.drill_newest()
        assert (drill.ok, drill.opened, drill.source) == (True, False, DrillSource.TELEGRAM)
        assert drill_words(drill) == "Bytes compared, not opened: no key on this server."
        status = await courier.status()
        zone = settings.timezone
        assert status.restore_proven is None
        assert "bytes compared, not opened (no key on this server)" in status_texts.status(status, zone)
        assert "bytes compared, not opened" in history_texts.details(await courier.details(backup.id), utc_now(), zone)
        assert "Restore proven" not in history_texts.details(await courier.details(backup.id), utc_now(), zone)
        on_disk = await courier.drills.drill_on_disk(backup, abort=Abort())
        assert (on_disk.ok, on_disk.opened) == (True, False)
        archive = courier.store.folder / backup.archive_name
        content = bytearray(archive.read_bytes())
        content[-1] ^= 1
        archive.write_bytes(content)
        damaged = await courier.drills.drill_on_disk(backup, abort=Abort())
        assert not damaged.ok
        with changed(ann.messages[0].document, at=500):  # type: ignore[arg-type]
            from_telegram = await courier.drills.drill_newest()
        assert not from_telegram.ok
        await courier.alarm_loop.deliver()
    assert "Test-restore failed" in ann.last.text


async def test_with_an_identity_on_the_server_a_drill_opens_it(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """The whole restore is rehearsed, and the ZIP that was opened for it is gone afterwards."""
    key = identity_file(tmp_path, SECRET)
    settings = sealed_settings(tmp_path, standin, make_database(tmp_path / "shop.db"), AGE_IDENTITY_FILE=str(key))
    async with open_courier(settings, deliver=True) as courier:
        await back_up(courier)
        drill = await courier.drills.drill_newest()
        assert (drill.ok, drill.opened) == (True, True)
        assert "1 database test-restored and checked" in drill_words(drill)
        assert list(courier.store.work.iterdir()) == []
        assert (await courier.status()).restore_proven == drill


async def test_an_identity_that_does_not_fit_fails_the_drill(standin: StandIn, ann: Person, tmp_path: Path) -> None:
    """On the day it is needed it would not open either: that is worth an alarm."""
    key = identity_file(tmp_path, new_identity()[0])
    settings = sealed_settings(tmp_path, standin, make_database(tmp_path / "shop.db"), AGE_IDENTITY_FILE=str(key))
    async with open_courier(settings, deliver=True) as courier:
        await back_up(courier)
        drill = await courier.drills.drill_newest()
        await courier.alarm_loop.deliver()
    assert not drill.ok
    assert "Compare the fingerprint" in ann.last.text or "No key given here opens" in ann.last.text


# --- the catalogue is lost --------------------------------------------------------------------------------------------


async def lose_catalogue(settings: Settings) -> None:
    for path in settings.backup_dir.glob("catalogue.db*"):
        await asyncio.to_thread(path.unlink)


async def test_without_a_key_archives_of_a_lost_catalogue_are_kept_and_not_counted(tmp_path: Path) -> None:
    """They are listed as sealed, never pruned, no backup by name, and adopted in full once there is a key."""
    source = make_database(tmp_path / "shop.db")
    settings = sealed_settings(tmp_path, None, source, MAX_BACKUP_COUNT="1")
    made = []
    async with open_courier(settings, deliver=False) as courier:
        for _ in range(2):
            made.append(await back_up(courier))
    assert len(list(settings.backup_dir.glob("*.age"))) == 1
    await lose_catalogue(settings)

    for _ in range(2):  # a second start changes nothing
        async with open_courier(settings, deliver=False) as courier:
            (kept,) = await courier.catalogue.backups.select()
            assert (kept.archive_name, kept.proven, kept.sealed, kept.on_disk) == (
                made[1].archive_name, False, UNKNOWN, True,
            )  # fmt: skip
            assert kept.unopened
            assert not kept.note
            shown = history_texts.details(await courier.details(kept.id), utc_now(), settings.timezone)
            assert "no key here opens it" in shown
            (decision,) = await courier.housekeeping.plan_prune()
            assert decision.keep
            assert decision.why == Reason(RetentionCode.UNOPENED)
            status = await courier.status()
            assert status.latest is None
            assert status.latest_proven is None
            assert (status.week.ok, status.week.total) == (0, 0)
    for _ in range(2):
        async with open_courier(settings, deliver=False) as courier:
            await back_up(courier)
            assert (courier.store.folder / made[1].archive_name).is_file()

    with_key = sealed_settings(
        tmp_path, None, source, MAX_BACKUP_COUNT="1", AGE_IDENTITY_FILE=str(identity_file(tmp_path, SECRET))
    )
    async with open_courier(with_key, deliver=False) as courier:
        found = await courier.catalogue.backups.get(kept.id)
    assert (found.proven, found.sealed, found.archive_sha256) == (True, MARK, made[1].archive_sha256)
    assert found.note == ""
    assert [database.name for database in found.databases] == ["shop.db"]


async def test_an_archive_that_was_never_opened_is_the_same_one_when_it_is_back(tmp_path: Path) -> None:
    """Seen while it is still being copied here, taken away and put back, at a start or while a service runs: it is
    neither damaged nor lost, since nothing but its name and its size is known."""
    settings = sealed_settings(tmp_path, None, make_database(tmp_path / "shop.db"))
    async with open_courier(settings, deliver=False) as courier:
        archive = settings.backup_dir / (await back_up(courier)).archive_name
    await lose_catalogue(settings)
    whole = archive.read_bytes()

    async def kept_now(courier: Courier) -> Backup:
        (kept,) = await courier.catalogue.backups.select(on_disk_only=True, gone_too=True)
        return kept

    archive.write_bytes(whole[:1000])
    for seen in (whole[:1000], whole):
        archive.write_bytes(seen)
        async with open_courier(settings, deliver=False) as courier:
            kept = await kept_now(courier)
        assert (kept.archive_bytes, kept.on_disk, kept.fault) == (len(seen), True, NO_REASON)
    archive.write_bytes(whole[:1000])
    async with open_courier(settings, deliver=False) as courier:
        assert (await kept_now(courier)).damaged
        archive.write_bytes(whole)
        await courier.housekeeping.take_stock()
        assert await kept_now(courier) == kept
        archive.unlink()
        await courier.housekeeping.take_stock()
        assert (await kept_now(courier)).gone
        archive.write_bytes(whole)
        await courier.housekeeping.take_stock()
        assert await kept_now(courier) == kept
        archive.unlink()
        await courier.housekeeping.take_stock()
    archive.write_bytes(whole)
    for keys in ({}, {"AGE_IDENTITY_FILE": str(identity_file(tmp_path, SECRET))}):
        async with open_courier(
            sealed_settings(tmp_path, None, tmp_path / "shop.db", **keys), deliver=False
        ) as courier:
            found = await kept_now(courier)
        assert (found.id, found.on_disk, found.fault, found.proven) == (kept.id, True, NO_REASON, bool(keys))


async def test_a_wrong_key_adopts_nothing_and_deletes_nothing(tmp_path: Path) -> None:
    """An identity that opens nothing is the same as none."""
    settings = sealed_settings(tmp_path, None, make_database(tmp_path / "shop.db"))
    async with open_courier(settings, deliver=False) as courier:
        made = await back_up(courier)
    await lose_catalogue(settings)
    wrong = sealed_settings(
        tmp_path, None, tmp_path / "shop.db", AGE_IDENTITY_FILE=str(identity_file(tmp_path, new_identity()[0]))
    )
    async with open_courier(wrong, deliver=False) as courier:
        (kept,) = await courier.catalogue.backups.select()
    assert (kept.archive_name, kept.proven) == (made.archive_name, False)


async def test_the_chat_tells_what_a_kept_archive_is(settings: Settings, ann: Person) -> None:
    """The pinned message knows its checksum: at the next start it is the backup it was, without any key."""
    made = await in_the_chat(settings)
    await lose_catalogue(settings)
    async with open_courier(settings, deliver=True) as courier:
        assert not (await courier.catalogue.backups.select())[0].proven
        await courier.pins.refresh()
    async with open_courier(settings, deliver=True) as courier:
        on_disk = await courier.catalogue.backups.select(on_disk_only=True)
        everything = await courier.catalogue.backups.select()
    assert on_disk == everything
    assert [(b.archive_sha256, b.sealed, b.proven) for b in on_disk] == [(made.archive_sha256, MARK, True)]


async def test_what_a_killed_restore_has_opened_is_swept_at_the_next_start(tmp_path: Path) -> None:
    """The private room of a process that is gone may hold a ZIP in the open."""
    settings = sealed_settings(tmp_path, None, make_database(tmp_path / "shop.db"))
    room = settings.backup_dir / ".work" / "restore-0123456789abcdef"
    room.mkdir(parents=True)
    (room / "database_backup_20260713_120000.zip").write_bytes(b"PK")
    room.with_name(f"{room.name}.lock").touch()
    async with open_courier(settings, deliver=False) as courier:
        assert list(courier.store.work.iterdir()) == []


async def test_an_identity_file_that_went_away_is_named(tmp_path: Path) -> None:
    """The settings were read, and then somebody moved the key."""
    key = identity_file(tmp_path, SECRET)
    settings = sealed_settings(tmp_path, None, make_database(tmp_path / "shop.db"), AGE_IDENTITY_FILE=str(key))
    key.unlink()
    with pytest.raises(SealError, match=r"AGE_IDENTITY_FILE is .* does not exist"):
        async with open_courier(settings, deliver=False):
            pass


# --- the sheet --------------------------------------------------------------------------------------------------------


def test_the_sheet_and_the_page_say_the_same_and_need_nothing_else() -> None:
    """Both hold both keys, the fingerprint and the commands; the page loads nothing from anywhere."""
    made = utc_now().date()
    text, page = as_text(PUBLIC, SECRET, MARK, made), as_page(PUBLIC, SECRET, MARK, made)
    for sheet in (text, page.replace("&gt;", ">")):
        assert PUBLIC in sheet
        assert SECRET in sheet
        assert MARK in sheet
        assert "age -d -i key.txt -o backup.zip backup.zip.age" in sheet
        assert "cat backup.zip.age.* > backup.zip.age" in sheet
        assert "copy /b" in sheet
    assert not re.search(r"<(script|link|img|iframe)|src=|url\(|@import", page)
    assert "default-src 'none'" in page
    assert max(map(len, text.splitlines())) < 90
