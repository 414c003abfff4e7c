"""The seal: stock age opens what we seal and we open what it seals; whatever was changed is refused."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ArchiveError, CourierError, DamagedArchiveError, SealError, how_to_install
from bot.services.sealing import age
from bot.services.sealing.age import Sealing, new_identity, open_sealed, public_key_of
from bot.services.sealing.header import read_header
from bot.services.sealing.keys import BY_PASSPHRASE, NO_KEYS, Keys, Seal, fingerprint
from bot.services.sealing.passphrase import seal_by_passphrase
from bot.services.sealing.seeking import opened_anywhere
from tests.world.stock_age import PASSPHRASE, identity_file, run_age, run_age_with_passphrase

SECRET, PUBLIC = new_identity()
OTHER_SECRET, OTHER_PUBLIC = new_identity()
SLIPPED = SECRET[:-1] + ("Q" if SECRET[-1] != "Q" else "P")
SIZES = [0, 1, 65_535, 65_536, 65_537, 131_072, 400_001]


async def sealed(target: Path, content: bytes, seal: Seal, *, piece: int = 100_000) -> Keys:
    """Seal in pieces, as an archive comes; return the key of the run."""
    async with Sealing(seal) as sealing:
        key = sealing.key
        out = []
        for start in range(0, len(content), piece):
            out += await sealing.take([content[start : start + piece]])
        out += await sealing.finish()
    target.write_bytes(b"".join(out))
    return key


def opened(*files: Path, keys: Keys) -> bytes:
    pieces: list[bytes] = []
    open_sealed(files, keys, pieces.append)
    return b"".join(pieces)


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_sealed_can_be_read_at_any_place(tmp_path: Path, size: int) -> None:
    """By each of several keys, as if it were the content itself; what was cut or changed is refused, other keys too."""
    content, path = os.urandom(size), tmp_path / "a.age"
    await sealed(path, content, Seal(recipients=(PUBLIC, OTHER_PUBLIC)))
    for secret in (SECRET, OTHER_SECRET):
        with opened_anywhere(path, Keys(identities=(new_identity()[0], secret))) as file:
            for start, count in ((0, size), (size // 2, 70_000), (max(0, size - 5), 9), (size + 3, 1), (65_530, 12)):
                assert file.seek(start) == start
                assert file.read(count) == content[start : start + count]
            assert file.seek(0, os.SEEK_END) == size
    for keys in (Keys(identities=(new_identity()[0],)), Keys(passphrases=(PASSPHRASE,)), NO_KEYS):
        with pytest.raises(SealError):
            opened_anywhere(path, keys)
    whole, last = path.read_bytes(), (size - 1) % 65_536 + 1 + 16 if size else 16
    for spoiled in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-last]):
        path.write_bytes(spoiled)
        with pytest.raises(DamagedArchiveError):
            opened_anywhere(path, Keys(identities=(SECRET,)))


@pytest.mark.parametrize("size", SIZES)
async def test_stock_age_opens_what_we_seal(tmp_path: Path, size: int) -> None:
    """Each of several recipients opens it, and so does the key of the run, whatever the size."""
    content = os.urandom(size)
    key = await sealed(tmp_path / "a.age", content, Seal(recipients=(PUBLIC, OTHER_PUBLIC)))
    for secret in (SECRET, OTHER_SECRET, *key.identities):
        assert run_age("-d", "-i", identity_file(tmp_path, secret), tmp_path / "a.age") == content
        assert opened(tmp_path / "a.age", keys=Keys(identities=(secret,))) == content


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("armor", [(), ("-a",)])
def test_we_open_what_stock_age_seals(tmp_path: Path, size: int, armor: tuple[str, ...]) -> None:
    """Also in armor."""
    (tmp_path / "plain").write_bytes(content := os.urandom(size))
    run_age(*armor, "-r", OTHER_PUBLIC, "-r", PUBLIC, "-o", tmp_path / "a.age", tmp_path / "plain")
    assert opened(tmp_path / "a.age", keys=Keys(identities=(new_identity()[0], SECRET))) == content


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
@pytest.mark.parametrize("size", [1, 65_536, 200_001])
async def test_passphrases_go_both_ways(tmp_path: Path, size: int) -> None:
    """age asks for the passphrase and opens ours; we open what it sealed by one."""
    content = os.urandom(size)
    await sealed(tmp_path / "a.age", content, Seal(passphrase=PASSPHRASE))
    await asyncio.to_thread(run_age_with_passphrase, "-d", "-o", tmp_path / "plain", tmp_path / "a.age")
    assert (tmp_path / "plain").read_bytes() == content
    await asyncio.to_thread(run_age_with_passphrase, "-p", "-o", tmp_path / "b.age", tmp_path / "plain", times=2)
    assert opened(tmp_path / "b.age", keys=Keys(passphrases=("another one", PASSPHRASE))) == content


def by_passphrase(content: bytes) -> bytes:
    out = io.BytesIO()
    seal_by_passphrase(io.BytesIO(content), out.write, PASSPHRASE, log_n=4)
    return out.getvalue()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A sealed file of three chunks for each kind of key."""
    folder = tmp_path_factory.mktemp("sealed")
    content = os.urandom(150_000)
    asyncio.run(sealed(folder / "a.age", content, Seal(recipients=(PUBLIC,))))
    return {"key": (folder / "a.age").read_bytes(), "passphrase": by_passphrase(content)}


ALL_KEYS = Keys(identities=(SECRET,), passphrases=(PASSPHRASE,))


@given(kind=st.sampled_from(["key", "passphrase"]), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_every_flipped_bit_is_refused(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, kind: str, place: float, bit: int
) -> None:
    """Wherever one bit is another one, in the header or in the content, the file is refused with a sentence."""
    content = bytearray(files[kind])
    content[int(place * len(content))] ^= 1 << bit
    assert_refused(tmp_path_factory, bytes(content))


@given(bit=st.integers(0, 7), data=st.data())
def test_every_flipped_bit_of_a_header_is_refused(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, bit: int, data: st.DataObject
) -> None:
    """The header is a small part of a file, and every byte of it matters."""
    content = bytearray(files[data.draw(st.sampled_from(sorted(files)))])
    end = content.index(b"\n--- ") + 50
    content[data.draw(st.integers(0, end))] ^= 1 << bit
    assert_refused(tmp_path_factory, bytes(content))


@given(kind=st.sampled_from(["key", "passphrase"]), data=st.data())
def test_every_cut_is_refused(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    """Cut off anywhere, also between two chunks; and with something after it."""
    content = files[kind]
    ends = [len(content) - 65_552 * n - (len(content) % 65_552) for n in range(2)]
    end = data.draw(st.one_of(st.integers(0, len(content) - 1), st.sampled_from(ends)))
    assert_refused(tmp_path_factory, content[: max(0, end)])
    assert_refused(tmp_path_factory, content + content[: data.draw(st.integers(1, 70_000))])


def assert_refused(factory: pytest.TempPathFactory, content: bytes) -> None:
    file = factory.getbasetemp() / f"changed-{threading.get_ident()}.age"
    file.write_bytes(content)
    with pytest.raises((DamagedArchiveError, SealError)) as caught:
        open_sealed([file], ALL_KEYS, len)
    assert caught.value.sentence.startswith(("changed-", "No key given here", "The passphrase does not"))


def test_chunks_can_not_change_places_or_be_left_out(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whole chunks are sound in themselves; their order and number are proven too."""
    for content in files.values():
        start = content.index(b"\n--- ") + 49 + 16
        head, chunks = content[:start], [content[n : n + 65_552] for n in range(start, len(content), 65_552)]
        assert len(chunks) == 3
        for order in ([1, 0, 2], [0, 2], [0, 1], [0, 0, 1, 2], [2]):
            assert_refused(tmp_path_factory, head + b"".join(chunks[n] for n in order))


@pytest.mark.parametrize(
    ("wants", "keys", "said"),
    [
        ("key", Keys(identities=(OTHER_SECRET,)), "No key given here opens a.age"),
        ("key", NO_KEYS, "a.age is sealed by a key, and there is none here"),
        ("key", Keys(passphrases=(PASSPHRASE,)), "a.age is sealed by a key, and there is none here"),
        ("key", Keys(identities=(SLIPPED,)), "a sign of it is wrong"),  # seventy signs, typed from paper
        ("passphrase", Keys(passphrases=("not this one",)), r"The passphrase does not open a\.age"),
    ],
)
def test_without_the_right_key_the_sentence_says_what_is_wanted(
    tmp_path: Path, files: dict[str, bytes], wants: str, keys: Keys, said: str
) -> None:
    """A wrong key is no damage; whoever holds the paper is told to compare fingerprints."""
    (tmp_path / "a.age").write_bytes(files[wants])
    with pytest.raises(SealError, match=said) as caught:
        opened(tmp_path / "a.age", keys=keys)
    assert caught.value.wants == wants


def test_a_header_that_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    """scrypt's work is chosen by whoever made the file: a forged one must not take the server's memory."""
    forged = by_passphrase(b"content").replace(b" 4\n", b" 30\n", 1)
    (tmp_path / "a.age").write_bytes(forged)
    with pytest.raises(DamagedArchiveError, match=r"more than the [0-9]+ MiB of memory"):
        opened(tmp_path / "a.age", keys=ALL_KEYS)


@pytest.mark.parametrize(
    "content",
    [
        b"age-encryption.org/v1\n",
        b"age-encryption.org/v2\n-> X25519 a\n\n--- " + b"A" * 43 + b"\n",
        b"age-encryption.org/v1\n--- " + b"A" * 43 + b"\n",
        b"age-encryption.org/v1\n" + b"-> X25519 abc\n" * 10_000,
        b"age-encryption.org/v1\n-> " + b"x" * 200_000,
        b"age-encryption.org/v1\n-> scrypt\n\n--- " + b"A" * 43 + b"\n" + b"x" * 100,
        b"age-encryption.org/v1\n-> scrypt AAAA x\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n" + b"x" * 100,
        b"-----BEGIN AGE ENCRYPTED FILE-----\n!!!!\n",
        b"-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n",
        b"\0" * 1000,
        b"PK\x03\x04" + b"\0" * 1000,
    ],
)
def test_rubbish_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever bytes somebody sends, the answer is a sentence."""
    (tmp_path / "a.age").write_bytes(content)
    with pytest.raises((DamagedArchiveError, SealError)):
        opened(tmp_path / "a.age", keys=ALL_KEYS)


class Mine(Exception):
    """An error of the one who gets the content."""


async def test_errors_of_others_come_through_as_they_are(tmp_path: Path) -> None:
    """A disk that is full, or a stop, is not taken for a damaged archive; also at the very last piece."""
    await sealed(tmp_path / "a.age", os.urandom(300_000), Seal(recipients=(PUBLIC,)))

    def fail_after(count: int, error: Exception) -> Callable[..., None]:
        seen = 0

        def step(piece: bytes = b"x") -> None:
            nonlocal seen
            seen += len(piece)
            if seen > count:
                raise error

        return step

    for count in (0, 150_000, 299_999):
        with pytest.raises(Mine):
            open_sealed([tmp_path / "a.age"], ALL_KEYS, fail_after(count, Mine()))
    with pytest.raises(OSError, match="full"):
        open_sealed([tmp_path / "a.age"], ALL_KEYS, fail_after(299_999, OSError(28, "full")))
    with pytest.raises(Mine):
        open_sealed([tmp_path / "a.age"], ALL_KEYS, len, check=fail_after(1, Mine()))


async def test_a_sealing_that_is_left_early_leaves_no_thread() -> None:
    """Whatever ends an archive, nothing of the seal stays behind, and its key is gone."""
    sealing = Sealing(Seal(recipients=(PUBLIC,)))

    async def give_up() -> None:
        async with sealing:
            await sealing.take([b"x" * 1000])
            raise Mine

    with pytest.raises(Mine):
        await give_up()
    assert not sealing.key
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("seal")]


async def test_what_is_sealed_otherwise_than_asked_is_not_called_sealed(files: dict[str, bytes]) -> None:
    """The header must be age's, for as many keys as were asked for and one, or for the passphrase alone."""
    headers = {kind: read_header(io.BytesIO(content), f"{kind}.age") for kind, content in files.items()}
    async with Sealing(Seal(recipients=(PUBLIC,))) as one:
        assert one.require_sealed(headers["key"]) == fingerprint(PUBLIC)
        with pytest.raises(ArchiveError, match="not sealed for the keys"):
            one.require_sealed(headers["passphrase"])
    async with Sealing(Seal(recipients=(PUBLIC, OTHER_PUBLIC))) as two:
        with pytest.raises(ArchiveError, match="not sealed for the keys"):
            two.require_sealed(headers["key"])
    async with Sealing(Seal(passphrase=PASSPHRASE)) as secret:
        assert secret.require_sealed(headers["passphrase"]) == BY_PASSPHRASE
        with pytest.raises(ArchiveError, match="not sealed for the keys"):
            secret.require_sealed(headers["key"])


def test_no_key_shows_in_a_repr() -> None:
    """Keys travel in values that a log might print."""
    for value in (ALL_KEYS, Seal(passphrase=PASSPHRASE)):
        assert SECRET not in repr(value)
        assert PASSPHRASE not in repr(value)


def test_a_slip_of_the_pen_breaks_a_key() -> None:
    """A key typed from paper has a checksum."""
    assert public_key_of(SECRET) == PUBLIC
    with pytest.raises(ValueError, match="no secret key"):
        public_key_of(SLIPPED)


def test_without_the_package_the_sentence_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: whoever restores without it is told what to type."""
    monkeypatch.setitem(sys.modules, "pyrage", None)
    with pytest.raises(SealError) as caught:
        age.new_identity()
    assert caught.value.hint == how_to_install("sealing")
    assert isinstance(caught.value, CourierError)
