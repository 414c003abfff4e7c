"""What is found in the chats, what is forwarded, and what is put into a folder."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.config.sources import parse_env
from bot.errors import NotFoundError, RestoreRefusedError, TelegramError, UntrustedArchiveError
from bot.models import NO_REASON, Recipient, Trigger
from bot.services.files.private_folder import private_folder
from bot.services.recovery.document import DOCUMENT_NAME, Document, write_document
from bot.services.recovery.folder import Recovered, refuse_to_replace, restore_into
from bot.services.recovery.new_machine import env_text, rebuild_catalogue, write_env
from bot.services.recovery.recover import Found, choose_point, choose_server, find_points, wait_for_forwarded
from bot.services.telegram.destination import TelegramDestination
from tests.world.databases import make_database, rows_in
from tests.world.databases import write_env as write_settings
from tests.world.faults import refused
from tests.world.recovery import Scene, pin_by_hand, unpin_by_hand
from tests.world.unreadable import SHAPES


@pytest.fixture
async def archive(tmp_path: Path) -> Path:
    """A real archive of two databases."""
    sources = [make_database(tmp_path / "shop.db", 3000), make_database(tmp_path / "users.db", 7)]
    env = write_settings(tmp_path, sources)
    async with open_courier(load_settings(env, need_telegram=False), deliver=False) as courier:
        made = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        return courier.store.folder / made.backup.archive_name


# --- finding -------------------------------------------------------------------------------------------------------


async def test_the_first_admin_with_a_document_is_enough(scene: Scene) -> None:
    """Nothing pinned, something else pinned, never started: each is told, and the next chat is asked."""
    scene.standin.add_user(12, "Ben")
    cleo = scene.standin.add_user(13, "Cleo")
    pin_by_hand(await cleo.send("shopping list"))
    scene.standin.add_user(14, "Dan", started=False)
    backup = await scene.publish()
    found = await find_points(scene.chats, [12, 13, 14, 11])
    assert [point.archive for point in found.points] == [backup.archive_name]
    assert found.settings == {"ADMIN_IDS": "11"}
    said = ("12: no list of backups is pinned", "13: something else is pinned", "14: Telegram does not know it")
    assert all(trouble.startswith(f"Chat {words}") for trouble, words in zip(found.troubles, said, strict=True))


async def test_without_any_document_the_way_on_is_said(scene: Scene) -> None:
    """The error names every chat, and the hint tells how to go on by forwarding."""
    with pytest.raises(NotFoundError, match="Chat 11: no list of backups is pinned") as caught:
        await find_points(scene.chats, [11])
    assert "--wait" in caught.value.hint
    assert "forward" in caught.value.hint


async def test_a_refused_token_ends_the_search(scene: Scene) -> None:
    """With a wrong token no chat has anything to say."""
    scene.standin.inject(refused(401, "Unauthorized"), "getChat", times=None)
    with pytest.raises(TelegramError, match="token"):
        await find_points(scene.chats, [11, 12])


async def test_a_document_that_a_person_pinned_is_not_believed(scene: Scene) -> None:
    """Only what the bot sent counts, or what was forwarded from it, as in a group."""
    await scene.publish()
    (ours,) = scene.pins()
    ben, eve = scene.standin.add_user(12, "Ben"), scene.standin.add_user(13, "Eve")
    pin_by_hand(await eve.send_document(ours.document.path, name=DOCUMENT_NAME))
    with pytest.raises(NotFoundError, match="not sent by this bot"):
        await find_points(scene.chats, [13])
    group = scene.standin.add_group(-1005, members=[scene.ann, ben])
    (forwarded,) = await scene.ann.forward(ours, to=group.chat)
    pin_by_hand(forwarded)
    assert len((await find_points(scene.chats, [-1005])).points) == 1


async def test_a_document_of_another_bot_is_refused_with_the_reason(scene: Scene) -> None:
    """A file_id is worth something to the bot that sent the file alone."""
    document = Document(bot_id=1, written_at=scene.now, settings={}, points=())
    posted = await scene.chats.post(11, DOCUMENT_NAME, write_document(document)[1], "")
    await scene.chats.pin(11, posted.message_id)
    with pytest.raises(NotFoundError, match="written by bot 1"):
        await find_points(scene.chats, [11])


async def test_servers_that_share_a_bot_share_the_list_and_each_has_its_own_part(scene: Scene, tmp_path: Path) -> None:
    """One message for both; neither loses the other's points, nor takes them for its own."""
    db = Scene(scene.standin, tmp_path / "db")
    db.folder.mkdir()
    await db.open()
    try:
        web_keeper, db_keeper = scene.keep(11, server="web"), db.keep(11, server="db")
        ours = await scene.back_up(names=("web.db",))
        await web_keeper.refresh()
        theirs = [await db.back_up(names=("db.db",))]
        await db_keeper.refresh()
        later = await scene.back_up(names=("web.db",))
        await web_keeper.refresh()
        (pinned,) = scene.pins()
        assert "also db" in pinned.text
        assert [one.archive_name for one in theirs] == [
            point.archive for point in await db.catalogue.restore_points.select()
        ]
        found = await find_points(scene.chats, [11])
        assert {one.server: len(one.points) for one in (found, *found.others)} == {"web": 2, "db": 1}
        with pytest.raises(NotFoundError, match="restore points of several servers: web, db"):
            choose_server(found, "")
        assert choose_server(found, "DB").points[0].archive == theirs[0].archive_name
        mine = choose_server(found, "", configured="web")
        assert {point.archive for point in mine.points} == {ours.archive_name, later.archive_name}
        with pytest.raises(NotFoundError, match="no restore points of a server mail"):
            choose_server(found, "mail")

        assert await scene.catalogue.messages.other_server_names() == ("db",)
        await scene.lose_the_machine()
        await scene.keep(11, server="web").refresh()
        assert len(await scene.catalogue.restore_points.select()) == 2
    finally:
        await db.close()


async def test_a_point_is_chosen_by_moment_and_database(scene: Scene) -> None:
    """The newest that holds what is asked for, not after the moment; else a sentence."""
    first = await scene.back_up(names=("old.db",))
    second = await scene.back_up(names=("shop.db",))
    points = Found(points=await scene.catalogue.restore_points.select(), settings={})
    assert choose_point(points).archive == second.archive_name
    assert choose_point(points, only=["old.db"]).archive == first.archive_name
    assert choose_point(points, at=first.started_at).archive == first.archive_name
    with pytest.raises(NotFoundError, match=r"no restore point of new\.db"):
        choose_point(points, only=["new.db"])
    early = datetime(2026, 7, 13, 1, 30, tzinfo=ZoneInfo("Europe/Berlin"))  # as everywhere in the time zone of who asks
    with pytest.raises(NotFoundError, match=r"no restore point of old\.db, of 2026-07-13 01:30:00 or before\.$"):
        choose_point(points, at=early, only=["old.db"])


# --- forwarding ----------------------------------------------------------------------------------------------------


async def waiting(scene: Scene, folder: Path, told: list[str]) -> asyncio.Task[Found | tuple[Path, ...]]:
    folder.mkdir()
    task = asyncio.create_task(wait_for_forwarded(scene.chats, {11}, folder, seconds=30, tell=told.append))
    await scene.standin.polled()
    return task


async def test_a_forwarded_catalogue_is_taken(scene: Scene, tmp_path: Path) -> None:
    """The document forwarded from elsewhere gives the restore points; junk before it is told and passed over."""
    backup = await scene.publish()
    (ours,) = scene.pins()
    unpin_by_hand(ours)
    told: list[str] = []
    task = await waiting(scene, tmp_path / "work", told)
    junk = tmp_path / "notes.txt"
    junk.write_text("hello")
    lying = tmp_path / DOCUMENT_NAME
    lying.write_text('{"format": "sqlite-courier restore points"}')
    await scene.ann.send_document(junk)
    await scene.ann.send_document(lying)
    await scene.ann.forward(ours)
    found = await asyncio.wait_for(task, 20)
    assert isinstance(found, Found)
    assert [point.archive for point in found.points] == [backup.archive_name]
    assert "notes.txt" in told[0]
    assert "not a catalogue" in told[1]


async def test_forwarded_volumes_are_joined_in_any_order(scene: Scene, archive: Path, tmp_path: Path) -> None:
    """Volumes arrive as people send them; what is missing is said, and the whole archive is proven."""
    content = archive.read_bytes()
    third = -(-len(content) // 3)
    told: list[str] = []
    task = await waiting(scene, tmp_path / "work", told)
    for number in (3, 1, 2):
        part = tmp_path / f"{archive.name}.{number:03}"
        part.write_bytes(content[(number - 1) * third : number * third])
        await scene.ann.send_document(part)
    fetched = await asyncio.wait_for(task, 20)
    assert isinstance(fetched, tuple)
    assert b"".join(volume.read_bytes() for volume in fetched) == content
    assert len(told) == 2
    assert all("missing" in line for line in told)


async def test_what_belongs_to_nothing_is_passed_over(scene: Scene, archive: Path, tmp_path: Path) -> None:
    """Other files before and between the volumes, whose names say nothing and of which a middle one comes first."""
    content = archive.read_bytes()
    third = -(-len(content) // 3)
    first, middle, last = (content[at : at + third] for at in range(0, len(content), third))
    told: list[str] = []
    task = await waiting(scene, tmp_path / "work", told)
    cut_off = content[:100] + content[-50:]
    sent = {"cut off.zip": cut_off, "holiday.jpg": b"a picture", "x": middle, "empty": bytes(third), "z": last}
    for name, data in (sent | {"y": first}).items():
        part = tmp_path / name
        part.write_bytes(data)
        await scene.ann.send_document(part)
    fetched = await asyncio.wait_for(task, 20)
    assert isinstance(fetched, tuple)
    assert b"".join(volume.read_bytes() for volume in fetched) == content
    assert len(told) == len(sent)
    assert all(line.startswith(name) for line, name in zip(told, sent, strict=True))


async def test_strangers_are_not_listened_to(scene: Scene, archive: Path, tmp_path: Path) -> None:
    """Who is not named as an admin can forward what they like."""
    eve = scene.standin.add_user(66, "Eve")
    task = await waiting(scene, tmp_path / "work", told := [])
    await eve.send_document(archive)
    await scene.ann.send_document(archive)
    fetched = await asyncio.wait_for(task, 20)
    assert isinstance(fetched, tuple)
    assert [volume.name for volume in fetched] == [archive.name]
    assert told == []
    assert len(scene.standin.calls_of("getFile")) == 1


# --- putting into place --------------------------------------------------------------------------------------------


async def restore(archive: Path, into: Path, **options: Any) -> Recovered:
    async with private_folder(into) as room:
        copy = room / archive.name
        shutil.copyfile(archive, copy)
        return await restore_into([copy], into, room, **options)


async def test_the_databases_and_the_archive_come_into_the_folder(archive: Path, tmp_path: Path) -> None:
    """Each under its own name, private, with every row; no working folder is left."""
    into = tmp_path / "new" / "place"
    recovered = await restore(archive, into)
    assert rows_in(into / "shop.db") == (3000, 3000)
    assert rows_in(into / "users.db") == (7, 7)
    assert {path.name for path in into.iterdir()} == {"shop.db", "users.db", archive.name}
    assert recovered.archives == (into / archive.name,)
    assert os.name == "nt" or stat.S_IMODE((into / "shop.db").stat().st_mode) == 0o600


async def test_only_what_is_named_is_restored(archive: Path, tmp_path: Path) -> None:
    """One of the two; a name that is not in the archive is told with those that are."""
    await restore(archive, tmp_path / "one", only=["users.db"])
    assert not (tmp_path / "one" / "shop.db").exists()
    with pytest.raises(NotFoundError, match=r"nothing\.db"):
        await restore(archive, tmp_path / "two", only=["nothing.db"])


async def test_what_is_there_is_never_written_over(archive: Path, tmp_path: Path) -> None:
    """A file of the name stops everything, before and after the download; with force it is set aside and kept."""
    into = tmp_path / "there"
    into.mkdir()
    (into / "shop.db").write_text("mine")
    with pytest.raises(RestoreRefusedError, match=r"shop\.db"):
        refuse_to_replace(into, ["users.db", "shop.db"])
    with pytest.raises(RestoreRefusedError, match=r"shop\.db"):
        await restore(archive, into)
    assert {path.name for path in into.iterdir()} == {"shop.db"}
    recovered = await restore(archive, into, force=True)
    assert rows_in(into / "shop.db") == (3000, 3000)
    (aside,) = [path for database in recovered.result.databases for path in database.set_aside]
    assert aside.read_text() == "mine"


async def test_an_archive_whose_manifest_names_another_place_is_refused(archive: Path, tmp_path: Path) -> None:
    """A member name that leads out of the folder puts nothing anywhere."""
    evil = tmp_path / "evil" / archive.name
    evil.parent.mkdir()
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(evil, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            content = source.read(info).replace(b'"shop.db"', b'"../shop.db"')
            target.writestr(info.filename.replace("shop.db", "../shop.db"), content)
    into = tmp_path / "in" / "here"
    with pytest.raises(UntrustedArchiveError, match="leads out of the folder"):
        await restore(evil, into)
    assert not (into.parent / "shop.db").exists()
    assert list(into.iterdir()) == []


# --- the new machine -----------------------------------------------------------------------------------------------


def test_the_env_holds_what_was_known_and_no_token_unasked(tmp_path: Path) -> None:
    """It can be read back as it was, is private, holds nothing that a document has no business to say."""
    harmless = {"ADMIN_IDS": "11,12", "DATABASES": "'/srv/a, b.db',/srv/c.db"}
    text = env_text(harmless | {"BACKUP_DIR": "/evil", "SCHEDULE": "0 * * * * # x"})
    lines, faults = parse_env(text)
    assert faults == []
    assert {line.name: line.value for line in lines} == harmless
    assert "BOT_TOKEN=7:abc" in env_text({}, own={"BOT_TOKEN": "7:abc"})
    env = tmp_path / ".env"
    write_env(env, text)
    assert os.name == "nt" or stat.S_IMODE(env.stat().st_mode) == 0o600
    with pytest.raises(RestoreRefusedError, match="exists already"):
        write_env(env, text)


async def test_the_catalogue_is_rebuilt_from_archive_and_points(scene: Scene, archive: Path, tmp_path: Path) -> None:
    """The archive is a backup on the disk again, the other restore points are known with their file_ids."""
    await scene.back_up()
    points = await scene.catalogue.restore_points.select()
    copy = tmp_path / "copy" / archive.name
    copy.parent.mkdir()
    shutil.copyfile(archive, copy)
    assert await rebuild_catalogue(tmp_path / "new", [copy], points) == 1
    assert not copy.exists()
    env = write_settings(tmp_path, [], BACKUP_DIR=str(tmp_path / "new"))
    settings = load_settings(env, need_telegram=False, need_databases=False)
    async with open_courier(settings, deliver=False) as courier:
        known = {backup.archive_name: backup.on_disk for backup in await courier.catalogue.backups.select()}
        assert known == {archive.name: True, points[0].archive: False}
        assert await courier.catalogue.restore_points.select() == points


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_unreadable_message_does_not_keep_from_hearing_the_next(
    scene: Scene, archive: Path, tmp_path: Path, shape: str
) -> None:
    """Whoever sends it, and also as what a message answers."""
    task = await waiting(scene, tmp_path / "work", told=[])
    odd = await scene.standin.add_user(66, "Eve").send("odd", extra=SHAPES[shape])
    await scene.ann.send("an answer", reply_to=odd)
    await scene.ann.send_document(archive)
    assert len(await asyncio.wait_for(task, 10)) == 1


@pytest.mark.parametrize("shape", SHAPES)
async def test_an_unreadable_pinned_message_is_somebody_elses(scene: Scene, shape: str) -> None:
    """getChat can still be asked: recovery says what is on top, Health knows the name, and ours is pinned above it."""
    odd = await scene.ann.send("odd", extra=SHAPES[shape])
    pin_by_hand(odd)
    with pytest.raises(NotFoundError, match="something else is pinned on top"):
        await find_points(scene.chats, [11])
    reached = await TelegramDestination(scene.bot).probe(Recipient(chat_id=11))
    assert (reached.name, reached.trouble) == ("Ann", NO_REASON)
    backup = await scene.back_up()
    assert await scene.refresh() == 0
    assert [point.archive for point in (await find_points(scene.chats, [11])).points] == [backup.archive_name]
