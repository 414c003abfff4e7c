"""Each kind of alarm from a real cause, and its end from a real mend."""

import errno
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.models import (
    NO_REASON,
    BackupState,
    Cause,
    Drill,
    DrillSource,
    HeldDatabase,
    Reason,
    RestorePoint,
    StoredVolume,
    Trigger,
)
from bot.services.alarms import checks
from bot.services.concurrency.abort import Abort
from bot.services.retention import inventory
from tests.services.alarms.scene import HOUR, Scene, loud, texts_of
from tests.world import faults
from tests.world.catalogue import limit_pages, run_sql
from tests.world.databases import change, damage, make_database
from tests.world.messages import texts
from tests.world.places import KEYS, STORE

MINUTE = timedelta(minutes=1)


async def watch_a_pattern(scene: Scene, pattern: str) -> Path:
    """Back up what a pattern finds; the path of users.db, which it found."""
    scene.sources = [scene.users.with_name(pattern)]
    await scene.restart()
    await scene.back_up()
    return scene.users


async def the_alarm(scene: Scene) -> str:
    """The words of the only alarm that is open about backups, as Ann reads them."""
    (message,) = [message for message in texts(scene.ann) if message.text.startswith("🚨")]
    return message.text


async def test_two_missed_runs_are_an_alarm_until_the_next_good_backup(scene: Scene) -> None:
    """By the schedule of every hour, a backup is too old half an hour after the second missed run."""
    await scene.back_up()
    assert await scene.pass_time(2 * HOUR + 29 * MINUTE) == []
    assert await scene.pass_time(2 * MINUTE) == ["stale"]
    assert "No good backup since today 14:00" in await the_alarm(scene)
    assert await scene.alarmed() == []


async def test_a_service_that_was_off_is_told_as_the_cause(scene: Scene) -> None:
    """From its last sign of life to its start, until runs that were due since have not happened either."""
    await scene.back_up()
    began = scene.now
    await scene.courier.catalogue.service.beat(pid=1, started_at=began, next_run_at=None)
    scene.pass_by(minutes=20)
    await scene.courier.catalogue.service.beat(pid=1, started_at=began, next_run_at=None)
    scene.pass_by(hours=5)
    await scene.restart()
    await scene.courier.catalogue.service.beat(pid=2, started_at=scene.now, next_run_at=None)
    assert await scene.pass_time(11 * MINUTE) == ["stale"]
    assert "was not running from today 14:20 to today 19:20." in await the_alarm(scene)
    await scene.pass_time(3 * HOUR)
    assert "planned every hour, but none was made." in await the_alarm(scene)


async def test_an_admins_own_pause_is_no_alarm_before_it_may_be_forgotten(scene: Scene) -> None:
    """A pause with an end never is; one without an end is, from its second day, and the alarm names who paused."""
    await scene.back_up()
    await scene.courier.timetable.pause(actor="Ann (11)", until=scene.now + 30 * HOUR)
    assert await scene.pass_time(29 * HOUR) == []
    await scene.courier.timetable.pause(actor="Ann (11)")
    assert await scene.pass_time(23 * HOUR) == []
    await scene.pass_time(2 * HOUR)
    assert "Ann has paused the backups" in await the_alarm(scene)


async def test_a_failed_run_is_an_alarm_and_no_stream_of_them(scene: Scene) -> None:
    """With every database gone no backup is made: one alarm says so, and why, for as long as it lasts."""
    live = scene.sources[0].parent
    live.rename(live.with_name("away"))
    assert await scene.pass_time(2 * HOUR, scene.back_up) == ["run"]
    assert "users.db and shop.db are missing" in await the_alarm(scene)
    assert "Older backups are untouched" in await the_alarm(scene)
    live.with_name("away").rename(live)
    assert await scene.alarmed() == []


async def test_a_damaged_database_is_an_alarm_of_its_own(scene: Scene) -> None:
    """The other one goes out; the alarm names the damaged one and what the check found."""
    damage(scene.sources[0])
    made = await scene.back_up()
    assert made.state is BackupState.PARTIAL
    assert await scene.open_keys() == ["skipped:users.db"]
    assert "The file is damaged." in await the_alarm(scene)


async def test_a_database_taken_out_of_the_settings_ends_its_alarm(scene: Scene) -> None:
    """What nobody wants backed up any more is no trouble any more."""
    scene.sources.pop(0).unlink()
    scene.sources.insert(0, scene.folder / "live" / "users.db")
    assert await scene.alarmed() == ["skipped:users.db"]
    scene.sources.pop(0)
    await scene.restart()
    assert await scene.alarmed() == []
    assert "no longer among DATABASES" in texts_of(scene.ann)[-1]


async def test_a_disk_that_is_not_mounted_rings_once(scene: Scene) -> None:
    """More than five databases that are missing at the same time are one alarm."""
    more = [make_database(scene.folder / "disk" / f"n{number}.db", 5) for number in range(8)]
    scene.sources += more
    await scene.restart()
    await scene.back_up()
    shutil.move(scene.folder / "disk", scene.folder / "unmounted")
    assert await scene.pass_time(2 * HOUR, scene.back_up) == ["skipped:*"]
    assert len(loud(scene.ann)) == 1
    assert "8 databases are not backed up" in await the_alarm(scene)
    shutil.move(scene.folder / "unmounted", scene.folder / "disk")
    assert await scene.alarmed() == []


async def test_what_a_pattern_found_before_is_missed_until_it_is_back(scene: Scene) -> None:
    """One message over three runs, as for a path that is missing; back again, it is over."""
    path = await watch_a_pattern(scene, "*.db")
    away = path.rename(path.with_suffix(".away"))
    assert await scene.pass_time(3 * HOUR, scene.back_up) == ["gone:users.db"]
    assert "users.db has disappeared" in await the_alarm(scene)
    assert len(loud(scene.ann)) == 1
    damage(away)
    away.rename(path)
    assert await scene.alarmed() == ["skipped:users.db"]
    path.unlink()
    make_database(path, 500)
    assert await scene.alarmed() == []


async def test_what_never_was_there_is_let_go_too(scene: Scene) -> None:
    """A path in DATABASES with a slip, or of a program that is gone: what was said of it holds at the next run."""
    scene.sources = [*scene.sources, scene.users.with_name("never.db")]
    await scene.restart()
    assert await scene.alarmed() == ["skipped:never.db"]
    await scene.accept("skipped")
    assert await scene.pass_time(2 * HOUR, scene.back_up) == []
    make_database(scene.users.with_name("never.db"))
    assert await scene.pass_time(HOUR, scene.back_up) == []
    scene.users.with_name("never.db").unlink()
    assert await scene.pass_time(HOUR, scene.back_up) == ["skipped:never.db"]


async def test_what_was_let_go_is_missed_again_where_it_is_named(scene: Scene) -> None:
    """ "It is right" speaks of the pattern; who then writes the path itself into DATABASES wants it."""
    path = await watch_a_pattern(scene, "*.db")
    path.unlink()
    assert await scene.alarmed() == ["gone:users.db"]
    await scene.accept("gone")
    assert await scene.pass_time(HOUR, scene.back_up) == []
    scene.sources.append(path)
    await scene.restart()
    assert await scene.alarmed() == ["skipped:users.db"]


async def test_the_only_database_may_be_gone_rightly(scene: Scene) -> None:
    """The run fails, and what is gone can be let go: that ends both alarms, over later runs too, until it is back."""
    path = await watch_a_pattern(scene, "users*.db")
    away = path.rename(path.with_suffix(".away"))
    assert sorted(await scene.alarmed()) == ["gone:users.db", "run"]
    await scene.accept("gone")
    await scene.courier.alarm_loop.deliver()
    assert await scene.open_keys() == []
    assert any("Nothing is left to back up" in text for text in texts_of(scene.ann))
    assert await scene.alarmed() == []
    assert (await scene.courier.catalogue.backups.latest_run()).skipped == ()
    away.rename(path)
    assert await scene.back_up() is not None
    path.unlink()
    assert sorted(await scene.alarmed()) == ["gone:users.db", "run"]


async def test_a_folder_that_is_gone_rings_once_and_is_accepted_at_once(scene: Scene) -> None:
    """More than five databases that a pattern is without are one alarm, and one press lets them all go."""
    for number in range(8):
        make_database(scene.folder / "disk" / f"n{number}.db", 5)
    scene.sources.append(scene.folder / "disk" / "*.db")
    await scene.restart()
    await scene.back_up()
    shutil.rmtree(scene.folder / "disk")
    assert await scene.alarmed() == ["gone:*"]
    assert "8 databases have disappeared" in await the_alarm(scene)
    await scene.accept("gone")
    made = await scene.back_up()
    assert made.skipped == ()
    assert await scene.pass_time(HOUR) == []
    assert {database.name for database in (await scene.courier.status()).databases} == {"users.db", "shop.db"}


async def test_a_database_that_no_pattern_names_any_more_is_nobodys_trouble(scene: Scene) -> None:
    """Taken out of DATABASES on purpose: a plain line in the status, no alarm, and nothing wrong."""
    await scene.back_up()
    scene.sources.pop(0)
    await scene.restart()
    assert await scene.alarmed() == []
    (retired,) = [each for each in (await scene.courier.status()).databases if each.name == "users.db"]
    assert (retired.trouble, retired.retired) == (NO_REASON, True)


async def test_lost_rows_are_an_alarm_and_stand_in_the_caption_until_they_are_back(scene: Scene) -> None:
    """500 rows become 3: the backup goes out silently with the warning, hour after hour, one alarm; rows end it."""
    await scene.back_up()
    change(scene.sources[0], "DELETE FROM entries WHERE id > 3")
    assert await scene.pass_time(3 * HOUR, scene.back_up) == ["shrunken:users.db"]
    assert "“entries” 500 → 3" in await the_alarm(scene)
    warned = [message for message in scene.ann.messages if message.document and "“entries” 500 → 3" in message.text]
    assert len(warned) == 3
    assert all(message.silent and message.text.startswith("⚠️") for message in warned)
    change(
        scene.sources[0],
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)"
        " INSERT INTO entries (text) SELECT 'row ' || i FROM n",
    )
    assert await scene.pass_time(HOUR, scene.back_up) == []
    assert "holds as much as before again" in texts_of(scene.ann)[-1]
    assert "has lost rows" not in [message for message in scene.ann.messages if message.document][-1].text


async def test_backups_learned_from_the_chat_are_no_level(scene: Scene) -> None:
    """No rows are known of a backup that only the pinned message names: it tells of no fall, and hides none."""
    await scene.back_up()
    held = HeldDatabase(name="users.db", path=str(scene.users), bytes=9 << 20, sha256="ab" * 32)
    points = [
        RestorePoint(
            at=scene.now - ago,
            archive=f"{number}.zip",
            bytes=9,
            sha256=f"{number:064}",
            databases=(held,),
            volumes=(StoredVolume(file_id="BQ", bytes=9, sha256=f"{number:064}"),),
        )
        for number, ago in enumerate([timedelta(days=2), MINUTE])
    ]
    assert await scene.courier.catalogue.restore_points.learn(points) == len(points)
    assert await scene.pass_time(HOUR) == []
    change(scene.sources[0], "DELETE FROM entries WHERE id > 3")
    assert await scene.alarmed() == ["shrunken:users.db"]
    assert "“entries” 500 → 3" in await the_alarm(scene)


async def test_an_accepted_level_is_the_one_to_compare_with(scene: Scene) -> None:
    """ "It is right" ends the alarm for everybody; the next fall is measured from there."""
    await scene.back_up()
    change(scene.sources[0], "DELETE FROM entries WHERE id > 100")
    assert await scene.alarmed() == ["shrunken:users.db"]
    await scene.accept("shrunken")
    assert await scene.pass_time(3 * HOUR, scene.back_up) == []
    (over,) = texts(scene.ben)
    assert over.text.startswith("✅ users.db: this is the level to compare with now, says Ann")
    change(scene.sources[0], "DELETE FROM entries WHERE id > 20")
    assert await scene.alarmed() == ["shrunken:users.db"]
    assert "“entries” 100 → 20" in await the_alarm(scene)


async def test_a_lost_table_and_a_lost_file_are_seen_and_another_process_sees_them_too(scene: Scene) -> None:
    """A table that is gone lost all its rows. What a command backed up meanwhile is weighed by the next look."""
    await scene.back_up()
    scene.sources[0].unlink()
    make_database(scene.sources[0], 5)
    await scene.restart()
    assert await scene.alarmed() == ["shrunken:users.db"]
    change(scene.sources[1], "DROP TABLE entries")
    await scene.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
    await scene.restart()
    await scene.courier.alarm_loop.deliver()
    assert await scene.open_keys() == ["shrunken:users.db", "shrunken:shop.db"]
    assert any("“entries” 50 → gone" in text for text in texts_of(scene.ann))


async def test_a_disk_that_fills_is_an_alarm_before_it_is_full(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below the mark it begins, and only well above it does it end: no ringing at every file."""
    room = {"free": 60 << 30}
    monkeypatch.setattr(checks, "disk_usage", lambda _folder: (room["free"], 1000 << 30))
    assert await scene.alarmed() == []  # 6 % of a large disk is room enough
    room["free"] = (5 << 30) - 1
    assert await scene.pass_time(HOUR, scene.back_up) == ["disk"]
    assert "Disk nearly full: 5.0 GB left" in await the_alarm(scene)
    room["free"] = (5 << 30) + 1
    assert await scene.pass_time(HOUR, scene.back_up) == ["disk"]
    room["free"] = 6 << 30
    assert await scene.pass_time(HOUR, scene.back_up) == []


async def test_a_disk_too_full_for_the_catalogue_silences_nobody(scene: Scene) -> None:
    """An alarm that can't be written down is told all the same, and written down when there is room."""
    await scene.back_up()
    catalogue = scene.courier.catalogue
    ((pages,),) = run_sql(catalogue, "PRAGMA page_count")
    await limit_pages(catalogue, pages)
    for number in range(200):
        await scene.courier.alarms.raise_(f"Trouble:{number}", (("said", "x" * 400),))
    await scene.courier.alarm_loop.deliver()
    assert len([message for message in texts(scene.ann) if "Trouble" in message.text]) == 200
    assert len(await catalogue.alarms.open()) < 200
    await limit_pages(catalogue, 1_000_000)
    await scene.courier.alarm_loop.deliver()
    assert len(await catalogue.alarms.open()) == 200
    await scene.restart()
    await scene.courier.alarm_loop.deliver()
    assert len([message for message in texts(scene.ann) if "Trouble" in message.text]) == 200


def forbidden(_path: Path) -> str:
    """What happens where the file is root's; the tests may be root, who reads everything."""
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


async def test_archives_that_are_gone_are_an_alarm_until_they_are_back_or_let_go(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, log_lines: list[str]
) -> None:
    """The chats have them, and are named. One that is back and can't be read is said to be so, in the log once.

    One that is damaged lies there: it can't be said to be removed on purpose.
    """
    folder = scene.courier.settings.backup_dir
    first, second = [await scene.back_up(), await scene.back_up()]
    assert first is not None
    assert second is not None
    away = (folder / first.archive_name).rename(folder.parent / "away")
    await scene.courier.alarm_loop.deliver()
    (rung,) = [text for text in texts_of(scene.ann) if text.startswith("⚠️ Backup 1 is gone from the disk")]
    assert "Backup 1 (today 14:00). Not deleted by the bot. All can still be restored: held by Ann and Ben." in rung
    with monkeypatch.context() as unreadable:
        unreadable.setattr(inventory, "sha256_of", forbidden)
        away.rename(folder / first.archive_name)
        for _ in range(3):
            await scene.courier.alarm_loop.deliver()
    (rung,) = [text for text in texts_of(scene.ann) if text.startswith("⚠️ Backup 1 is gone from the disk")]
    assert "Put back, but can't be read: backup 1. All can still be restored" in rung
    assert "💡 Let the service's user read it in the backup folder" in rung
    assert sum("It can't be read: Permission denied. Let this service read it" in line for line in log_lines) == 1
    await scene.courier.alarm_loop.deliver()
    assert "No archive is missing any more" in texts_of(scene.ann)[-1]
    (folder / first.archive_name).unlink()
    (folder / second.archive_name).write_bytes(b"cut")
    await scene.courier.alarm_loop.deliver()
    assert await scene.open_keys() == ["lost"]
    await scene.accept("lost")
    await scene.courier.alarm_loop.deliver()
    (alarm,) = await scene.open_alarms()
    assert (alarm.all("gone"), alarm.all("damaged")) == ((), (str(second.id),))


async def test_that_the_last_good_backup_is_lost_is_no_word_of_its_age(scene: Scene) -> None:
    """While the next one is due. Later it is not said that there was none yet."""
    scene.settings["DELIVER_TO"] = "-100500"  # which Telegram does not know
    await scene.restart()
    backup = await scene.back_up()
    assert backup is not None
    (scene.courier.settings.backup_dir / backup.archive_name).unlink()
    assert await scene.pass_time(2 * HOUR) == ["unreachable:-100500", "lost"]
    said = await the_alarm(scene)
    assert said.startswith("🚨 No good backup is left: backup 1 is gone from the disk\n")
    assert "💡 Make a backup now. If you still have the archive, put it back" in said
    await scene.accept("lost")
    assert await scene.pass_time(HOUR) == ["unreachable:-100500", "stale"]
    assert any(text.startswith("🚨 No good backup is left") for text in texts_of(scene.ann))


async def test_a_failed_test_restore_is_an_alarm_until_one_succeeds(scene: Scene) -> None:
    """An archive that changed on the disk fails its drill; the next backup's drill ends the alarm."""
    made = await scene.back_up()
    archive = Path(scene.courier.settings.backup_dir) / made.archive_name
    whole = archive.read_bytes()
    archive.write_bytes(whole[:200] + b"\0" * 50 + whole[250:])
    await scene.courier.drills.drill_on_disk(made, abort=Abort())
    await scene.courier.alarm_loop.deliver()
    assert await scene.open_keys() == ["drill"]
    assert "Do not rely on this backup" in await the_alarm(scene)
    archive.write_bytes(whole)
    await scene.courier.drills.drill_on_disk(made, abort=Abort())
    await scene.courier.alarm_loop.deliver()
    assert await scene.open_keys() == []


async def test_a_success_elsewhere_hides_no_failed_test_restore(scene: Scene) -> None:
    """Telegram's fails and the object store's succeeds, in one round; in the next one Telegram's succeeds too."""
    made = await scene.back_up()
    assert made is not None
    drills = scene.courier.catalogue.drills
    gone = Reason(Cause.NOT_GIVEN_OUT, (("volume", "the archive"), ("place", "Telegram")))
    drill = Drill(backup_id=made.id, at=scene.now, source=DrillSource.TELEGRAM, ok=False, result=gone)
    await drills.record(drill)
    await drills.record(replace(drill, source=DrillSource.OBJECTS, ok=True))
    await scene.courier.alarm_loop.deliver()
    assert await scene.open_keys() == ["drill"]
    assert "from Telegram: the archive can't be fetched" in await the_alarm(scene)
    await drills.record(replace(drill, ok=True))
    await scene.courier.alarm_loop.deliver()
    assert await scene.open_keys() == []


@pytest.mark.parametrize("settings", [{"SHRINK_ALARM": "0"}, {"SHRINK_ALARM": "99"}])
async def test_what_is_not_to_be_watched_is_not(scene: Scene, settings: dict[str, str]) -> None:
    """SHRINK_ALARM=0 is off, and a high one lets most things pass; an open alarm ends with it."""
    await scene.back_up()
    change(scene.sources[0], "DELETE FROM entries WHERE id > 100")
    assert await scene.alarmed() == ["shrunken:users.db"]
    scene.settings |= settings
    await scene.restart()
    assert await scene.alarmed() == []


async def test_who_was_removed_while_they_could_not_be_reached_is_not_said_to_be_reached(scene: Scene) -> None:
    """The alarm ends with what is so: nothing is sent there any more."""
    await scene.back_up()
    scene.standin.inject(faults.forbidden(), chat_id=scene.ben.id, times=None)
    await scene.back_up()
    assert await scene.open_keys() == [f"unreachable:{scene.ben.id}"]
    scene.settings["ADMIN_IDS"] = str(scene.ann.id)
    await scene.restart()
    await scene.courier.alarm_loop.deliver()
    assert texts_of(scene.ann)[-1].startswith("✅ Ben is sent nothing any more.")


async def test_a_store_that_takes_nothing_for_hours_is_an_alarm_until_it_does(scene: Scene, s3: str) -> None:
    """However often it is tried, superseded and restarted: nobody looks at a status for weeks."""
    scene.settings |= {"OBJECT_STORES": STORE, "S3_ENDPOINT": "http://127.0.0.1:9", **KEYS}
    await scene.restart()
    assert await scene.pass_time(3 * HOUR, scene.back_up) == []
    assert await scene.pass_time(HOUR, scene.back_up) == [f"unreachable:{STORE}"]
    (said,) = [text for text in texts_of(scene.ann) if text.startswith(f"⚠️ No backup reaches {STORE}\nSince today ")]
    assert "the store can't be reached" in said
    await scene.restart()
    assert await scene.pass_time(HOUR, scene.back_up) == [f"unreachable:{STORE}"]
    assert said in texts_of(scene.ann)
    scene.settings["S3_ENDPOINT"] = s3
    await scene.restart()
    assert await scene.pass_time(HOUR, scene.back_up) == []
    assert texts_of(scene.ann)[-1].startswith(f"✅ {STORE} can be reached again")


@pytest.mark.parametrize("outage", [False, True])
async def test_a_chat_that_alone_takes_nothing_for_hours_is_an_alarm(scene: Scene, outage: bool) -> None:
    """Whatever Telegram says of it. Where it says so of all chats, they are served with it, and nobody can be told."""
    failing = [
        scene.standin.inject(faults.server_error(), "sendDocument", chat_id=chat, times=None)
        for chat in ((scene.ann.id, scene.ben.id) if outage else (scene.ben.id,))
    ]
    assert await scene.pass_time(3 * HOUR, scene.back_up) == []
    ben = f"unreachable:{scene.ben.id}"
    assert await scene.pass_time(HOUR, scene.back_up) == ([] if outage else [ben])
    await scene.restart()
    assert await scene.alarmed() == ([] if outage else [ben])
    assert any(text.startswith("⚠️ No backup reaches Ben") for text in texts_of(scene.ann)) is not outage
    for fault in failing:
        fault.cancel()
    assert await scene.pass_time(HOUR, scene.back_up) == []


async def test_what_is_not_tried_again_by_itself_is_an_alarm_at_once(scene: Scene) -> None:
    """A volume that the server does not take parks no chat, and would be missing there for ever without a word."""
    large = scene.standin.inject(faults.too_large(), "sendDocument", chat_id=scene.ben.id, times=None)
    assert await scene.alarmed() == [f"unreachable:{scene.ben.id}"]
    (said,) = [text for text in texts_of(scene.ann) if text.startswith("⚠️ No backup reaches ")]
    assert "set a smaller VOLUME_SIZE_MB" in said
    large.cancel()
    assert await scene.pass_time(HOUR, scene.back_up) == []
