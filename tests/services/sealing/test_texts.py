"""What people read about sealed backups stays short, and names nothing that is not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.models import Volume
from bot.services.sealing.keys import BY_PASSPHRASE, UNKNOWN
from bot.texts import delivery as delivery_texts
from bot.texts.markup import CAPTION_LIMIT, length
from bot.texts.proof import seal_line
from tests.world.samples import backup

ZONE = ZoneInfo("UTC")


def test_a_caption_with_many_keys_stays_within_telegrams_limit() -> None:
    """A team of thirty has thirty fingerprints; the caption names the first ones."""
    label = ", ".join(["2991-807F-48BF-E808"] * 30)
    sealed = replace(backup(1), archive_name="database_backup_20260713_120000.zip.age", sealed=label)
    archive = Path("/srv") / sealed.archive_name
    for total in (1, 7):
        volume = Volume(archive=archive, name=archive.name, number=1, total=total, offset=0, bytes=100)
        caption = delivery_texts.caption(sealed, volume, ZONE)
        assert length(caption) <= CAPTION_LIMIT
        assert "only with the key file (its fingerprint: <code>2991-807F-48BF-E808, 2991" in caption
        assert "age -d -o backup.zip" in caption
        assert "unzip" not in caption


def test_the_line_says_for_whom_and_nothing_where_nothing_is_sealed() -> None:
    """By a key, by a passphrase, or by a key that is not known."""
    assert seal_line(backup(1)) is None
    by_passphrase = seal_line(replace(backup(1), sealed=BY_PASSPHRASE))
    assert by_passphrase == "🔒 Sealed (encrypted): opens only with its passphrase"
    assert UNKNOWN in str(seal_line(replace(backup(1), sealed=UNKNOWN)))
