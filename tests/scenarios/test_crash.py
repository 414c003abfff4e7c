"""Kill -9 at every stage: no half-made file is taken for a backup, and the next start goes on."""

import os
import random
import signal
import sqlite3
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest

from bot.app.service import open_courier
from bot.config.settings import load_settings
from bot.models import BackupState, Stage, Trigger
from bot.services.archive.verify import verify_archive
from bot.services.concurrency.abort import Abort
from bot.services.manager import Courier
from tests.world.databases import make_database, write_env
from tests.world.processes import started
from tests.world.shell import PROGRAM

DIE_DELETING = """
import os, signal
from pathlib import Path

unlink = Path.unlink

def unlink_and_die(path, missing_ok=False):
    unlink(path, missing_ok)
    if path.suffix == ".zip":
        os.kill(os.getpid(), signal.SIGKILL)

Path.unlink = unlink_and_die
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")


async def is_sound(courier: Courier) -> None:
    """Whatever is called a backup opens in full, and nothing else lies about."""
    on_disk = {path.name for path in courier.store.folder.glob("database_backup_*")}
    known = await courier.catalogue.backups.select(on_disk_only=True)
    assert on_disk == {backup.archive_name for backup in known}
    for backup in known:
        await verify_archive(
            courier.store.folder / backup.archive_name, expected_sha256=backup.archive_sha256, abort=Abort()
        )
    assert not [b for b in await courier.catalogue.backups.select() if b.state is BackupState.RUNNING]
    assert not list((courier.store.folder / ".work").glob("*"))


async def next_run(env: Path) -> None:
    """A later process finds everything in order, and can back up."""
    async with open_courier(load_settings(env, need_telegram=False), deliver=False) as courier:
        await is_sound(courier)
        result = await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")
        assert result.backup.proven
        await is_sound(courier)


@pytest.mark.parametrize(
    ("stage", "nth"),
    [(Stage.SNAPSHOT, 1), (Stage.SNAPSHOT, 3), (Stage.CHECK, 1), (Stage.CHECK, 4), (Stage.PROVE, 1), (Stage.DONE, 1)],
)
async def test_killed_at_a_stage(tmp_path: Path, stage: Stage, nth: int) -> None:
    """A run killed at that moment leaves no backup that is none, and the next run succeeds."""
    sources = [make_database(tmp_path / f"{n}.db", 4000, wal=bool(n % 2), filler=500) for n in range(3)]
    env = write_env(tmp_path, sources)
    child = started([str(env), stage, str(nth)], code=PROGRAM)
    assert (done := await child.ended()).returncode == -signal.SIGKILL, done.stderr
    await next_run(env)


async def test_killed_while_pruning(tmp_path: Path) -> None:
    """An archive that retention has deleted is missed by nobody, though nobody lived to record it."""
    env = write_env(tmp_path, [make_database(tmp_path / "shop.db")], MAX_BACKUP_COUNT="1")
    settings = load_settings(env, need_telegram=False)
    async with open_courier(settings, deliver=False) as courier:
        pruned = (await courier.runs.back_up(trigger=Trigger.COMMAND, requested_by="a test")).backup
    child = started([str(env), "never", "1"], code=DIE_DELETING + PROGRAM)
    assert (done := await child.ended()).returncode == -signal.SIGKILL, done.stderr
    assert not (settings.backup_dir / pruned.archive_name).exists()
    async with open_courier(settings, deliver=False) as courier:
        found = await courier.catalogue.backups.get(pruned.id)
        assert (found.on_disk, found.gone) == (False, False)
        assert (await courier.status()).lost == ()
    await next_run(env)


@pytest.mark.soak
async def test_killed_at_random_moments(tmp_path: Path) -> None:
    """Killed over and over at any instant, the store stays sound and the sources whole."""
    rounds = int(os.environ.get("SOAK", "6"))
    sources = [make_database(tmp_path / f"{n}.db", 4000, wal=bool(n % 2), filler=500) for n in range(3)]
    env = write_env(tmp_path, sources)
    chance = random.Random(7)
    for _ in range(rounds):
        child = started([str(env), "never", "1"], code=PROGRAM)
        try:
            await child.ended(within=chance.uniform(0.02, 0.5))
        except TimeoutError:
            with suppress(ProcessLookupError):  # it ended in the same moment
                child.send_signal(signal.SIGKILL)
            await child.ended()
        async with open_courier(load_settings(env, need_telegram=False), deliver=False) as courier:
            await is_sound(courier)
    await next_run(env)
    for source in sources:
        with closing(sqlite3.connect(source)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
