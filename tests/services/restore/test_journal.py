"""The journal of restores: what earlier versions wrote into it is read, and what is none is not believed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.errors import RestoreError
from bot.models import OTHER, PendingOutcome, Reason, SourceCode
from bot.services.restore.journal import RestoreJournal
from bot.words.restores import cut_off_words, source_words

NOW = datetime(2026, 7, 13, 3, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SAID = "backup 2 of 13 Jul 2026, 04:00"

OLD = {
    "format": 1, "id": "ab", "state": "interrupted", "started_at": NOW.isoformat(), "requested_by": "Ann (11)",
    "source": SAID, "safety_id": 3, "backup_id": 2, "act": "restore", "entries": [],
    "cut_off": {
        "id": "ab", "started_at": NOW.isoformat(), "requested_by": "Ann (11)", "source": SAID,
        "databases": [["a.db", "restored"], ["b.db", "could not be read"]],
        "sentence": "The restore of … was cut off.", "hint": "Look at the databases.", "undoable": True,
    },
}  # fmt: skip


def test_a_journal_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """Its words say where the restore came from; what was said of a cut-off one is said anew from its facts."""
    journal = RestoreJournal(tmp_path)
    journal.path.write_text(json.dumps(OLD), encoding="utf-8")
    record = journal.read()
    assert record is not None
    assert record.cut_off is not None
    assert record.source == record.cut_off.source == Reason(OTHER, (("said", SAID),))
    assert dict(record.cut_off.databases)["b.db"] is PendingOutcome.UNREADABLE
    assert cut_off_words(record.cut_off, BERLIN, safety_id=record.safety_id) == (
        f"The restore from {SAID}, asked for by Ann on 13 Jul 2026, 05:00, was cut off: a.db is now restored; b.db"
        " could not be read. Look at the databases, and restore again where it is needed. What was there before is in"
        " backup 3."
    )
    journal.write(record)
    assert journal.read() == record
    assert "sentence" not in journal.path.read_text(encoding="utf-8")


@pytest.mark.parametrize("content", ["", "[]", "null", '"restore"', "{", json.dumps(OLD | {"source": 5})])
def test_what_is_no_journal_is_not_believed(tmp_path: Path, content: str) -> None:
    """Whether a restore was cut off is then unknown, and said so."""
    journal = RestoreJournal(tmp_path)
    journal.path.write_text(content, encoding="utf-8")
    with pytest.raises(RestoreError, match="can't be read"):
        journal.read()


def test_where_a_restore_comes_from() -> None:
    """By what is known of it, in the time zone of who reads."""
    at = ("at", NOW.isoformat())
    backup = Reason(SourceCode.BACKUP, (("backup", 2), at))
    told = {
        backup: "backup 2 of 13 Jul 2026, 05:00",
        Reason(SourceCode.ARCHIVE, (("file", "a.zip"), ("volumes", 3), at)): (
            "the archive a.zip of 3 volumes, made 13 Jul 2026, 05:00"
        ),
        Reason(SourceCode.ARCHIVE): "the archive",
        Reason(SourceCode.DATABASE_FILE, (("file", "a.db"),)): "the database file a.db",
        Reason(SourceCode.BEFORE_RESTORE, (("of", backup.code), *backup.facts)): (
            "before the restore of backup 2 of 13 Jul 2026, 05:00"
        ),
        Reason(SourceCode.BEFORE_ACT, (("act", "undo"),)): "before the undo",
        Reason(OTHER, (("said", "words"),)): "words",
    }
    assert {source: source_words(source, BERLIN) for source in told} == told
