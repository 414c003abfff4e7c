"""The command line: what it prints, and the exit code of each kind of failure."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.clock import utc_now
from bot.config.settings import load_settings
from bot.models import Recipient, Trigger
from bot.services.files.locks import RunLock
from tests.world.databases import change, damage, make_database, noisy_database, write_env
from tests.world.shell import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A shell in a folder whose `.env` names two databases."""
    sources = [make_database(tmp_path / "live" / "one.db"), make_database(tmp_path / "live" / "two.db", wal=False)]
    write_env(tmp_path, sources, ADMIN_IDS="11")
    return Shell(tmp_path)


def test_backup_list_show_and_verify(shell: Shell) -> None:
    """A backup made on the command line can be listed, shown and verified."""
    made = shell.json("backup", "--no-deliver")
    assert made["backup"]["state"] == "stored"
    (listed,) = shell.json("list")
    assert listed["archive_sha256"] == made["backup"]["archive_sha256"]
    shown = shell.json("show", "latest")
    assert [entry["name"] for entry in shown["backup"]["databases"]] == ["one.db", "two.db"]
    assert shown["backup"] == listed == json.loads(shell("status", "--json").stdout)["latest"]
    (verified,) = shell.json("verify")
    assert verified.pop("restored").startswith("2 databases test-restored and checked")
    assert verified == {"archive": listed["archive_name"], "ok": True, "fault": ""}
    for command in (["list"], ["show", "latest"], ["verify"], ["backup", "--no-deliver"]):
        assert listed["archive_name"] in shell.said(*command) or command[0] == "backup"


def test_what_one_run_has_checked_is_one_line(shell: Shell) -> None:
    """Each database is checked at an instant of its own: two hundred lines that say the same minute say nothing."""
    for _ in range(2):
        shell.json("backup", "--no-deliver")
    lines = [line for line in shell.said("show", "latest").splitlines() if " unchanged since the check of " in line]
    minutes = [line.partition(" unchanged since the check of ")[2] for line in lines]
    assert minutes
    assert len(minutes) == len(set(minutes)), lines


def test_a_flipped_byte_is_found(shell: Shell) -> None:
    """`verify` names the archive that is not what was written, and exits with 9."""
    made = shell.json("backup", "--no-deliver")
    archive = shell.folder / "backups" / made["backup"]["archive_name"]
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    assert archive.name in shell.refused(9, "verify", "latest")


def test_settings_faults_are_listed_with_exit_code_2(tmp_path: Path) -> None:
    """Every fault is named at once, without a traceback."""
    (tmp_path / ".env").write_text("BOT_TOKEN=nonsense\nADMIN_IDS=abc\nMAX_BACKUP_CUONT=3\n")
    done = Shell(tmp_path)("run")
    assert done.returncode == 2
    for name in ("BOT_TOKEN", "ADMIN_IDS", "MAX_BACKUP_COUNT", "DATABASES"):
        assert name in done.stderr


def test_no_database_has_exit_code_7(tmp_path: Path) -> None:
    """A run with nothing to back up says why."""
    write_env(tmp_path, [tmp_path / "missing.db"])
    assert "missing.db" in Shell(tmp_path).refused(7, "backup", "--no-deliver")


def test_a_backup_without_a_database_is_stored_and_ends_with_6(shell: Shell) -> None:
    """The others are backed up, what is damaged or missing is named, and cron hears of it."""
    damage(shell.folder / "live" / "one.db")
    done = shell("backup", "--no-deliver")
    assert done.returncode == 6
    assert "but without 1 database: one.db." in done.stderr
    assert "damaged" in done.stderr
    assert "1 of 2 databases" in done.stdout
    (shell.folder / "live" / "one.db").unlink()
    done = shell("backup", "--no-deliver", "--json")
    assert done.returncode == 6
    assert [entry["name"] for entry in json.loads(done.stdout)["backup"]["databases"]] == ["two.db"]
    assert [entry["state"] for entry in shell.json("list")] == ["partial", "partial"]


def test_what_a_backup_holds_amiss_is_told_as_in_its_info_file(shell: Shell) -> None:
    """Broken CHECK and foreign keys are warnings of `backup` and `show`; a table that can't be counted is a "?"."""
    change(
        shell.folder / "live" / "one.db", "PRAGMA ignore_check_constraints=ON",
        "CREATE TABLE child(id REFERENCES entries(id), size CHECK (size > 0))", "INSERT INTO child VALUES (-7, -1)",
    )  # fmt: skip
    change(
        shell.folder / "live" / "two.db", "CREATE TABLE words(a)", "PRAGMA writable_schema=ON",
        "UPDATE sqlite_master SET sql = 'CREATE VIRTUAL TABLE words USING of_its_application(a)', rootpage = 0"
        " WHERE name = 'words'",
    )  # fmt: skip
    made = shell("backup", "--no-deliver")
    assert made.returncode == 0, made.stderr
    shown = shell("show", "latest")
    for said in (made.stderr, shown.stderr):
        assert "one.db: 1 row with a broken foreign key" in said
        assert "one.db: Rows break a rule of their table: CHECK constraint failed in child" in said
    (row,) = [line.split() for line in shown.stdout.splitlines() if line.startswith("two.db")]
    assert "?" in row, row
    verified = shell("verify", "latest")
    assert verified.returncode == 0, verified.stderr
    assert "103 rows (1 table not counted)." in verified.stdout


def test_without_token_and_admins_a_backup_says_what_needs_neither(shell: Shell) -> None:
    """Who wants no Telegram yet is told the switch, and only where it would help."""
    write_env(shell.folder, [shell.folder / "live" / "one.db"])
    assert "--no-deliver" in shell.refused(2, "backup")
    assert shell("backup", "--no-deliver").returncode == 0
    write_env(shell.folder, [], ADMIN_IDS="11", BOT_TOKEN="7000000001:AAE-abcdefghijklmnopqrstuvwxyz01234")
    assert "--no-deliver" not in shell.refused(2, "backup")


def test_status_of_a_service_that_never_ran(shell: Shell) -> None:
    """That is not healthy: exit code 1."""
    done = shell("status")
    assert done.returncode == 1
    assert "⏳ Not started yet" in done.stdout


async def test_the_exit_code_of_status_is_the_verdict_of_its_first_line(shell: Shell) -> None:
    """0 while all is well; 1 with a database left out, or the newest good backup too old, though the service runs."""
    settings = load_settings(shell.folder / ".env", need_telegram=False)

    async def backed_up(hours_ago: int) -> subprocess.CompletedProcess[str]:
        ago = timedelta(hours=hours_ago)
        async with open_courier(settings, deliver=False, clock=lambda: utc_now() - ago) as courier:
            await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        async with open_courier(settings, deliver=False) as courier:
            now = utc_now()
            await courier.catalogue.service.beat(
                pid=1, started_at=now, next_run_at=now + timedelta(hours=1), stopped=False
            )
        return await asyncio.to_thread(shell, "status")

    old = await backed_up(5)
    assert old.returncode == 1
    assert old.stdout.splitlines()[1].startswith("🚨 No good backup since")
    assert "🚨 Last backup 5 h ago" in old.stdout
    fresh = await backed_up(0)
    assert (fresh.returncode, fresh.stdout.splitlines()[1]) == (0, "✅ Running, all is well"), fresh.stdout
    (shell.folder / "live" / "one.db").unlink()
    less = await backed_up(0)
    assert less.returncode == 1
    assert less.stdout.splitlines()[1] == "🚨 one.db is not backed up: the file is missing"


def test_config_says_what_would_be_backed_up_and_keeps_secrets(shell: Shell) -> None:
    """`config` names databases and recipients, and never the token."""
    token = "7000000001:AAE-abcdefghijklmnopqrstuvwxyz01234"
    with (shell.folder / ".env").open("a") as env:
        env.write(f"BOT_TOKEN={token}\n")
    said = shell.said("config")
    assert "one.db" in said
    assert "two.db" in said
    assert "11" in said
    assert token not in said
    assert token.split(":")[1] not in shell("config", "--json").stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_config_shows_what_a_path_hides_on_one_line(tmp_path: Path) -> None:
    """Neither a break nor a reversal of direction in a name can make up a line of its own."""
    make_database(tmp_path / "d" / "a\nBacked up (9):\u202e.db")
    write_env(tmp_path, [tmp_path / "d" / "*.db"], ADMIN_IDS="11", BOT_TOKEN="7000000001:" + "A" * 35)
    said = Shell(tmp_path).said("config")
    assert "a Backed up (9):\N{REPLACEMENT CHARACTER}.db" in said
    assert "\u202e" not in said


@pytest.mark.skipif(os.name == "nt", reason="Windows makes no links without a right to")
def test_a_folder_that_nobody_can_look_into_is_said(tmp_path: Path) -> None:
    """Neither whether the database is there nor whether it is a folder can be told, by `config` as by a run."""
    (tmp_path / "share").symlink_to("x" * 300)  # the system refuses it also to root: the name is too long
    sources = [make_database(tmp_path / "one.db"), tmp_path / "share" / "two.db"]
    nowhere = {"BOT_TOKEN": "7000000001:" + "A" * 35, "TELEGRAM_API": "http://127.0.0.1:9"}
    write_env(tmp_path, sources, ADMIN_IDS="11", **nowhere)
    shell = Shell(tmp_path)
    assert f"{sources[1]} can't be looked at" in shell("config").stderr
    assert "two.db" in shell.refused(6, "backup", "--no-deliver")
    assert "can't be looked at" in shell("doctor").stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_no_name_gives_orders_to_the_terminal(tmp_path: Path) -> None:
    """Files are named by whoever may write beside a database, tables by whoever made an archive that was brought."""
    order = "\x1b]0;owned\x07"
    path = make_database(tmp_path / "d" / f"a\n✅ Token: stolen{order}.db")
    change(path, f'CREATE TABLE "new{order}\nall is well" (a)')
    nowhere = {"BOT_TOKEN": "7000000001:" + "A" * 35, "TELEGRAM_API": "http://127.0.0.1:9"}
    write_env(tmp_path, [tmp_path / "d" / "*.db"], ADMIN_IDS="11", **nowhere)
    shell = Shell(tmp_path)
    (tmp_path / "d" / f"none{order}\nfine.db").write_text("no database")
    shell.refused(6, "backup", "--no-deliver")
    change(path, f'DROP TABLE "new{order}\nall is well"')
    forged = ("all is well", "✅ Token: stolen", "fine.db")
    for command in ("config", "show latest", "status", "doctor", "restore --dry-run", "restore --to out", "verify"):
        done = shell(*command.split())
        said = done.stdout + done.stderr
        assert "\x1b" not in said, command
        assert not [line for line in said.splitlines() if line.strip().startswith(forged)], command


def test_a_glob_over_the_backups_takes_none_of_them(tmp_path: Path) -> None:
    """Its own catalogue is no database: an unchanged run is skipped, and `config` says what was left out."""
    make_database(tmp_path / "d" / "app.db")
    make_database(tmp_path / "d" / ".hidden.db")
    write_env(
        tmp_path, [tmp_path / "d" / "**" / "*.db"], ADMIN_IDS="11", BOT_TOKEN="7000000001:" + "A" * 35,
        BACKUP_DIR=str(tmp_path / "d" / "backups"), WHEN_UNCHANGED="skip",
    )  # fmt: skip
    shell = Shell(tmp_path)
    first, second = (shell.json("backup", "--no-deliver")["backup"]["databases"] for _ in range(2))
    assert [entry["name"] for entry in first] == ["app.db"]
    assert [entry["sha256"] for entry in first] == [entry["sha256"] for entry in second]
    said = shell.said("config")
    assert "Backed up (1):" in said
    assert "catalogue.db lies in" in said
    assert ".hidden.db is hidden" in said
    left_out = shell.json("config")["left_out"]
    assert [Path(each["path"]).name for each in left_out] == [".hidden.db", "catalogue.db"]


def test_config_shows_and_resets_what_was_chosen_in_the_chat(shell: Shell) -> None:
    """The lists in force, who chose last and what; after --reset .env holds again."""
    token = "123456789:" + "a" * 35

    async def choose() -> None:
        async with open_courier(load_settings(shell.folder / ".env", need_telegram=False), deliver=False) as courier:
            await courier.people.add_admin(12, "Ben", actor="Ann (11)")
            await courier.people.add_chat(Recipient(chat_id=-100500), "Ops", actor="Ann (11)")

    asyncio.run(choose())
    said = shell.said("config", BOT_TOKEN=token)
    assert "; added 12 in the chat, last by Ann (11) (config --reset ADMIN_IDS)" in said
    assert "Delivered to: user 11, Ben, Ops" in said
    assert "ADMIN_IDS of .env is followed again." in shell.said("config", "--reset", "ADMIN_IDS", BOT_TOKEN=token)
    assert "Nothing was chosen" in shell.said("config", "--reset", "ADMIN_IDS", BOT_TOKEN=token)
    shell.said("config", "--reset", "DELIVER_TO", BOT_TOKEN=token)
    assert "Delivered to: user 11\n" in shell.said("config", BOT_TOKEN=token)


def test_config_says_beforehand_what_comes_into_each_chat(shell: Shell) -> None:
    """By the size of the databases, before there is an archive; a small one is as often as was wanted."""
    large = noisy_database(shell.folder / "large.db", 3_500_000)
    hourly = {"BOT_TOKEN": "123456789:" + "a" * 35, "VOLUME_SIZE_MB": "1"}
    assert "that is up to 96 files and" in shell("config", DATABASES=str(large), **hourly).stderr
    assert not shell("config", SCHEDULE="*/15 * * * *", **hourly).stderr


def test_config_says_what_a_pattern_takes_for_a_database_and_is_none(tmp_path: Path) -> None:
    """A run refuses it, and so does `config`, before the first run."""
    taken = make_database(tmp_path / "d" / "app.db")
    (tmp_path / "d" / "notes.txt").write_text("no database at all, but long enough to have a header of 100 bytes" * 3)
    (tmp_path / "d" / "empty.db").touch()
    write_env(tmp_path, [tmp_path / "d" / "*"], ADMIN_IDS="11", BOT_TOKEN="7000000001:" + "A" * 35)
    shell = Shell(tmp_path)
    done = shell("config")
    assert "Backed up (1):" in done.stdout
    assert f"refused {tmp_path / 'd' / 'notes.txt'}" in done.stderr
    assert f"refused {tmp_path / 'd' / 'empty.db'}" in done.stderr
    seen = {Path(entry["path"]): entry.get("refused", "") for entry in shell.json("config")["databases"]}
    assert [path for path, refused in seen.items() if not refused] == [taken]


def test_a_database_gone_from_under_a_pattern_is_told(tmp_path: Path) -> None:
    """The backup names it, and so does `config`, which opens nothing for it."""
    path = make_database(tmp_path / "d" / "app.db").with_name("old.db")
    make_database(path)
    write_env(tmp_path, [tmp_path / "d" / "*.db"], ADMIN_IDS="11", BOT_TOKEN="7000000001:" + "A" * 35)
    shell = Shell(tmp_path)
    shell.json("backup", "--no-deliver")
    path.unlink()
    assert f"old.db is not in it: {path} is gone" in shell("backup", "--no-deliver").stderr
    assert f"gone {path}" in shell("config").stderr


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows")
def test_a_hard_link_is_never_backed_up_without_its_log(tmp_path: Path) -> None:
    """Of two names the one beside the log goes out with every row; the other alone is refused, in `config` too."""
    path, alias = make_database(tmp_path / "d" / "cron.db", 1), tmp_path / "d" / "alias.db"
    alias.hardlink_to(path)
    more = {"ADMIN_IDS": "11", "BOT_TOKEN": "7000000001:" + "A" * 35}
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.executemany("INSERT INTO entries (text) VALUES (?)", [("new",)] * 500)
        write_env(tmp_path, [tmp_path / "d" / "*.db"], **more)
        shell = Shell(tmp_path)
        (entry,) = shell.json("backup", "--no-deliver")["backup"]["databases"]
        assert (entry["name"], dict(entry["rows"])["entries"]) == ("cron.db", 501)
        assert f"{alias} is the same file as {path}." in shell("config").stdout
        write_env(tmp_path, [alias], **more)
        assert shell("backup", "--no-deliver").returncode == 7
        done = shell("config")
        assert "Backed up (0):" in done.stdout
        assert f"refused {alias}" in done.stderr
        assert f"Put {path} into DATABASES" in done.stderr
        assert not [*alias.parent.glob("alias.db-*")]


def test_prune_says_why(shell: Shell) -> None:
    """A dry run names each archive with its reason and deletes nothing."""
    shell.json("backup", "--no-deliver")
    (decision,) = shell.json("prune", "--dry-run")
    assert decision["keep"] is True
    assert (decision["why"], decision["why_code"]) == ("the newest backup", "newest")
    assert shell.json("prune") == []


def test_the_sources_are_left_as_they_were(shell: Shell) -> None:
    """A backup changes neither the bytes nor the folder of the databases."""
    live = shell.folder / "live"
    before = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in live.iterdir()}
    assert shell("backup", "--no-deliver").returncode == 0
    assert {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in live.iterdir()} == before


async def test_a_busy_store_has_exit_code_4(shell: Shell) -> None:
    """A second run is told who runs."""
    async with RunLock(shell.folder / "backups").hold(trigger=Trigger.BUTTON, requested_by="Ann"):
        assert "Ann" in await asyncio.to_thread(shell.refused, 4, "backup", "--no-deliver")


def test_rows_written_meanwhile_are_counted_as_the_snapshot_saw_them(shell: Shell) -> None:
    """`show` gives the rows of the backup, not of the database as it is now."""
    shell.json("backup", "--no-deliver")
    change(shell.folder / "live" / "one.db", "DELETE FROM entries")
    shown = shell.json("show", "latest")
    assert dict(map(tuple, shown["backup"]["databases"][0]["rows"]))["entries"] == 50
