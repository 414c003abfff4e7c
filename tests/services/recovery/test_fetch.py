"""Volumes fetched back: joined in order, every byte compared, every trouble with its meaning."""

import os
import stat
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from bot.demo.stand_in.calls import CallStage
from bot.errors import ArchiveError, CourierError, DamagedArchiveError, NoSpaceError, TelegramError
from bot.models import OutcomeCode, RestorePoint
from bot.services.fetch.fetch import LostError, TooLargeToFetchError, UnreachableError, fetch_archive
from bot.services.telegram.chat import TelegramChat, unreadable_here
from tests.world.faults import Fault, bad_request, flood, refused, reset, server_error, truncated
from tests.world.recovery import Scene, changed, no_time
from tests.world.stand_in import StandIn
from tests.world.telegram import MakeBot

SIZE, VOLUME = 2_500_000, 1_000_000


async def point_of(scene: Scene, size: int = SIZE) -> RestorePoint:
    await scene.back_up(size, volume=VOLUME)
    return (await scene.catalogue.restore_points.select(limit=1))[0]


async def fetch(scene: Scene, point: RestorePoint, folder: Path) -> Path:
    return await fetch_archive(scene.chats, point, folder, sleep=no_time)


async def test_the_volumes_become_the_archive_again(scene: Scene, tmp_path: Path) -> None:
    """Three volumes are joined in order into a private file whose SHA-256 is that of the proven archive."""
    point = await point_of(scene)
    seen: list[int] = []
    archive = await fetch_archive(scene.chats, point, tmp_path, progress=lambda done, total: seen.append(done))
    assert sha256(archive.read_bytes()).hexdigest() == point.sha256
    assert len(point.volumes) == 3
    assert max(seen) == SIZE
    assert os.name == "nt" or stat.S_IMODE(archive.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("method", "fault"),
    [
        ("getFile", server_error(500)),
        ("getFile", flood(3)),
        ("getFile", bad_request("wrong file_id or the file is temporarily unavailable")),
        ("getFile", reset(CallStage.ARRIVAL)),
        ("download", truncated(400_000)),
        ("download", truncated(0)),
        ("download", reset(CallStage.ARRIVAL)),
        ("download", refused(404, "Not Found")),
    ],
)
async def test_a_passing_trouble_costs_an_attempt(scene: Scene, tmp_path: Path, method: str, fault: Fault) -> None:
    """What breaks once is fetched again, and the archive is whole."""
    point = await point_of(scene)
    rule = scene.standin.inject(fault, method)
    archive = await fetch(scene, point, tmp_path)
    assert rule.hits == 1
    assert sha256(archive.read_bytes()).hexdigest() == point.sha256


@pytest.mark.parametrize(
    ("method", "fault", "expected"),
    [
        ("getFile", server_error(502, html=True), UnreachableError),
        ("getFile", flood(1000), UnreachableError),
        ("getFile", bad_request("wrong file_id or the file is temporarily unavailable"), LostError),
        ("getFile", bad_request("file is too big"), TooLargeToFetchError),
        ("getFile", refused(401, "Unauthorized"), TelegramError),
        ("download", truncated(10), UnreachableError),
        ("download", reset(CallStage.ARRIVAL), UnreachableError),
        ("download", refused(404, "Not Found"), UnreachableError),
    ],
)
async def test_a_lasting_trouble_is_said_and_leaves_nothing(
    scene: Scene, tmp_path: Path, method: str, fault: Fault, expected: type[CourierError]
) -> None:
    """Each way in which Telegram keeps a file to itself has its error, without the token in it and without a file."""
    point = await point_of(scene)
    folder = tmp_path / "fetched"
    folder.mkdir()
    scene.standin.inject(fault, method, times=None)
    with pytest.raises(expected) as caught:
        await fetch(scene, point, folder)
    assert type(caught.value) is expected
    error: BaseException | None = caught.value
    while error is not None:  # neither it nor anything it came from
        assert scene.bot.token.partition(":")[2] not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__
    assert list(folder.iterdir()) == []


async def test_a_flipped_bit_names_the_volume(scene: Scene, tmp_path: Path) -> None:
    """A volume that comes back changed is refused by its own name."""
    point = await point_of(scene)
    folder = tmp_path / "fetched"
    folder.mkdir()
    with changed(scene.archives()[1]), pytest.raises(DamagedArchiveError, match="Volume 2 of 3"):
        await fetch(scene, point, folder)
    assert list(folder.iterdir()) == []


async def test_a_flipped_bit_is_found_without_the_hash_of_the_volume(scene: Scene, tmp_path: Path) -> None:
    """The SHA-256 of the whole archive is compared whatever is known of the volumes."""
    point = await point_of(scene)
    bare = replace(point, volumes=tuple(replace(volume, sha256="") for volume in point.volumes))
    with changed(scene.archives()[2]), pytest.raises(DamagedArchiveError, match="not the archive that was proven"):
        await fetch(scene, bare, tmp_path)


async def test_another_size_than_announced_is_never_written(scene: Scene, tmp_path: Path) -> None:
    """A document that lies about a size gets no more onto the disk than it said."""
    point = await point_of(scene, 5000)
    lying = replace(point, bytes=4000, volumes=(replace(point.volumes[0], bytes=4000),))
    with pytest.raises(UnreachableError, match="5,000 bytes instead of 4,000"):
        await fetch(scene, lying, tmp_path)


async def test_an_existing_file_is_not_replaced(scene: Scene, tmp_path: Path) -> None:
    """A file of the archive's name stays as it is."""
    point = await point_of(scene)
    (tmp_path / point.archive).write_text("mine")
    with pytest.raises(ArchiveError, match="exists already"):
        await fetch(scene, point, tmp_path)
    assert (tmp_path / point.archive).read_text() == "mine"


async def test_the_space_is_checked_before(scene: Scene, tmp_path: Path) -> None:
    """What can't fit is not even begun."""
    point = replace(await point_of(scene), bytes=1 << 49)
    with pytest.raises(NoSpaceError):
        await fetch(scene, point, tmp_path)
    assert scene.standin.calls_of("getFile") == []


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[Scene]:
    """A machine beside a Bot API server of one's own."""
    async with StandIn(local=True) as api:
        api.create_bot_token()
        scene = await Scene(api, tmp_path).open()
        yield scene
        await scene.close()


async def test_a_local_server_s_files_are_read_where_they_lie(local: Scene, tmp_path: Path, make_bot: MakeBot) -> None:
    """It names a path on this machine instead of a URL."""
    local.chats = TelegramChat(make_bot(local.standin, is_local=True))
    point = await point_of(local)
    archive = await fetch(local, point, tmp_path)
    assert sha256(archive.read_bytes()).hexdigest() == point.sha256
    assert local.standin.calls_of("download") == []


async def test_a_local_server_that_is_not_said_to_be_one(local: Scene, tmp_path: Path) -> None:
    """It names a path and offers no download: which setting is missing is said, and not "404"."""
    with pytest.raises(UnreachableError, match="set TELEGRAM_LOCAL=true"):
        await fetch(local, await point_of(local), tmp_path)


async def test_a_file_shorter_than_announced_is_not_taken(local: Scene, tmp_path: Path, make_bot: MakeBot) -> None:
    """Where no connection can break, as with a local server's files, the bytes that came are counted all the same."""
    local.chats = TelegramChat(make_bot(local.standin, is_local=True))
    point = await point_of(local)
    last = local.archives()[-1].path
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(UnreachableError, match="ended after 499,999 of 500,000 bytes"):
        await fetch(local, point, tmp_path)


def test_what_to_mount_is_said_without_the_token() -> None:
    """A local server's folder for a bot has its token for a name; on Windows with another character in it."""
    for folder in ("123:SECRET", "123~SECRET"):
        path = Path(f"/var/lib/telegram-bot-api/{folder}/documents/file_0.zip")
        said = unreadable_here(path, 123, "Permission denied").sentence
        assert "(Permission denied): mount its folder /var/lib/telegram-bot-api here" in said
        assert "SECRET" not in said
    outcome = unreadable_here(Path("documents/file_0.zip"), 123, "No such file or directory")
    assert outcome.code is OutcomeCode.NO_PATH
