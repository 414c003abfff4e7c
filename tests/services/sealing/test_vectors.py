"""The test vectors that the age project publishes (C2SP CCTV), against what opens sealed archives here.

They come as the npm package `cctv-age`; AGE_VECTORS names its `index.js`. `.ci/run` fetches it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import zlib
from pathlib import Path

import pytest

from bot.errors import CourierError, DamagedArchiveError, SealError
from bot.services.sealing.age import open_sealed
from bot.services.sealing.keys import Keys

SOURCE = os.environ.get("AGE_VECTORS", "")
WHERE = "set AGE_VECTORS to index.js of the npm package cctv-age"

STRICTER = {
    "scrypt_work_factor_23": "a work factor of 23 takes 8 GB of memory",
    "armor_whitespace_outside": "white space around the armor",
}
"""Files that age takes and we refuse, and why."""


def vectors() -> dict[str, tuple[dict[str, list[str]], bytes]]:
    if not SOURCE:
        return {}
    text = Path(SOURCE).read_text(encoding="utf-8")
    found = {}
    for name, encoded in re.findall(r'// \.\./testdata/(\S+)\nvar \w+ = __toBinary\("([A-Za-z0-9+/=]*)"\)', text):
        head, _, body = base64.b64decode(encoded).partition(b"\n\n")
        keys: dict[str, list[str]] = {}
        for line in head.decode().splitlines():
            key, _, value = line.partition(": ")
            keys.setdefault(key, []).append(value)
        found[name] = (keys, zlib.decompress(body) if keys.get("compressed") else body)
    return found


VECTORS = vectors()


@pytest.mark.skipif(not VECTORS, reason=WHERE)
@pytest.mark.parametrize("name", sorted(VECTORS) or ["none"])
def test_a_published_vector_is_judged_as_the_age_project_judges_it(tmp_path: Path, name: str) -> None:
    """What should open, opens with the same content; what should not, is refused with a sentence."""
    expected, content = VECTORS[name]
    (tmp_path / "a.age").write_bytes(content)
    keys = Keys(
        identities=tuple(key for key in expected.get("identity", ()) if key.startswith("AGE-SECRET-KEY-1")),
        passphrases=tuple(expected.get("passphrase", ())),
    )
    pieces: list[bytes] = []
    error: CourierError | None = None
    try:
        open_sealed([tmp_path / "a.age"], keys, pieces.append)
    except CourierError as caught:
        error = caught
    match expected["expect"][0]:
        case "success" if expected.get("armored") and expected.get("passphrase"):
            assert isinstance(error, SealError)  # nobody seals archives so; it says how to open one by hand
        case "success" if "hybrid" in name:
            # Keys against quantum computers: the library knows none, so no key fits.
            assert isinstance(error, SealError)
        case "success" if name not in STRICTER:
            assert error is None, error
            assert hashlib.sha256(b"".join(pieces)).hexdigest() == expected["payload"][0]
        case "no match":
            assert isinstance(error, SealError)
        case "payload failure":
            assert isinstance(error, DamagedArchiveError)
        case _:
            assert error.sentence


@pytest.mark.skipif(not VECTORS, reason=WHERE)
def test_the_vectors_are_there() -> None:
    """A package of another shape must not look like a pass."""
    assert len(VECTORS) > 100
