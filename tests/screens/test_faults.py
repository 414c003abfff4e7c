"""The faults that a walk through every screen once found: what shows on the golden screens that each is gone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

SCREENS = Path(__file__).parent
ROOT = SCREENS.parent.parent


@dataclass(frozen=True)
class Gone:
    """A fault that is gone: on `screens` (a pattern under tests/screens/) stand `shown`, and nothing of `hidden`.

    `shown` are parts of the text of each screen, `hidden` regular expressions.
    """

    fault: str
    screens: str
    shown: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


def gone(fault: str, screens: str, *shown: str, hidden: tuple[str, ...] = ()) -> Gone:
    return Gone(fault, screens, shown, hidden)


CRON = r"[\d*/,-]+ [\d*/,-]+ [\d*]+ [\d*]+ [\w*]"

FAULTS = {
    1: (
        gone("missing of a pattern, no alarm", "missing_of_a_pattern/alarm", "[♻️ Restore it]  [👍 Removed on purpose]"),
        gone("and no word in Status", "missing_of_a_pattern/status", "🚨 orders.db: the file is missing"),
    ),
    2: (
        gone(
            "out of DATABASES is ❌",
            "no_longer_named/status",
            "➖ orders.db",
            "[✖️ Hide orders.db]",
            hidden=("❌", "🚨"),
        ),
    ),
    4: (
        gone("an alarm without a next step", "alarms_*/[mpsuf]*", "💡", hidden=(r"─\n\[🔕 Mute.*\n$",)),
        gone("archives are gone, no alarm", "archives_gone/alarm", "💡 Put them back", "[👍 Removed on purpose]"),
        gone("a pause without Resume", "alarms_service/paused", "[▶️ Resume]"),
    ),
    5: (gone("a pause is ❌ Stopped", "paused/[mhs]*", "⏸ Paused by Ann until 22:03", hidden=("❌", "Stopped", "⚠️")),),
    6: (
        gone("✅ though one is missing", "missing/[mhs][et]a*", "🚨 orders.db is not backed up"),
        gone("✅ though one is missing", "missing/menu", "⚠️ Last backup", hidden=("✅ Last",)),
    ),
    7: (gone("exit code 0 with one missing", "commands_missing/backup", "without 1 database: orders.db", "code 6"),),
    8: (gone("a folder is no error", "commands_five/folder", "error: DATABASES names", "/users.db/*.db", "code 2"),),
    9: (gone("the same fault three times", "failed/*", hidden=(r"(?s)row 1 missing.*row 1 missing.*row 1 missing",)),),
    10: (gone("no word of a missing .env", "commands_nowhere/*", "There is no .env in /srv/app/elsewhere"),),
    11: (gone("captions without a button", "captions/good", "[♻️ Restore]  [🔍 Details]", "┊ SHA-256"),),
    12: (gone("cron for people", "[!s]*/*", hidden=(CRON,)), gone("cron", "five/health", "✅ Schedule: every hour")),
    13: (
        gone(
            "“every monday” refused",
            "schedules/weekly",
            "Every Monday at 03:00",
            "⚠️ At worst, 7 days of changes are lost",
        ),
        gone("no warning of a month", "schedules/monthly", "⚠️ At worst, 31 days of changes are lost"),
        gone("no preset", "many_files/schedule", "[Daily …]  [Weekly …]  [Monthly …]"),
    ),
    14: (gone("what is lost in jargon", "restore/plan", "🔴 3 newer rows of “entries” will be gone"),),
    15: (gone("UTC beside local times", "restore/*", hidden=("UTC",)),),
    16: (gone("other figures than the plan's", "restore/restored", "60 rows in “entries” (63 before)"),),
    17: (
        gone(
            "twenty green rows of sixty", "sixty/status", "✅ 60 databases", "[🗄 Databases]", hidden=("shop01", "more")
        ),
        gone("no way to the others", "sixty/databases", "[Next ›]"),
    ),
    18: (gone("numbers for people", "unreachable/*", hidden=(r"\b1[12]\b(?!:)",)), gone("", "unreachable/menu", "Ben")),
    19: (
        gone("“partial”", "commands_five/list", "incomplete", "not delivered to Ben", hidden=("partial", "with gaps")),
        gone("“partial”", "unreachable/backup", "not delivered to Ben", hidden=("partial", "incomplete")),
    ),
    20: (gone("sizes of two units", "commands_one/[bs]*", "248 KB"), gone("", "five/status", "users.db · 248 KB")),
    21: (
        gone(
            "Detailed Logs for developers", "logs/*", hidden=(r"\+00:00", "1 databases", "alarm ", r"\bbytes\b", "Info")
        ),
    ),
    22: (
        gone("“Recovered after”", "alarms_one/back_word", "✅ orders.db is backed up again. It was missing for 3 h."),
    ),
    23: (
        gone("a library's words", "*offline/*", hidden=("Cannot connect", "Client", "ssl")),
        gone("no cause", "offline/health", "💡 No internet, or PROXY is needed."),
    ),
    24: (gone("a menu with one button and no word", "one/admin", "✅ Running, all is well", "✅ Last backup"),),
    25: (
        gone("a legend before the first row", "five/history", hidden=("incomplete", "failed", "📌")),
        gone("", "missing/history", "⚠️ incomplete", hidden=("failed", "📌")),
    ),
    26: (
        gone(
            "many words for one button",
            "*/*",
            hidden=(r"\[(Keep it|Leave it|Put it aside|›|After ›|Older ›)", r"(?i)until (somebody|one) resumes"),
        ),
    ),
    27: (
        gone(
            "odd words",
            "*/*",
            hidden=(
                "It is right",
                "Due to nobody",
                "with everybody",
                "Within the limits",
                "did not work",
                "about 0 MB",
                r"\b1 (databases|recipients|backups|files|rows)\b",
            ),
        ),
        gone("", "alarms_one/shrunken", "[👍 This is fine]"),
    ),
    28: (gone("seven lines before the ticks", "five/my_databases", "Press to tick or untick."),),
    29: (gone("names broken at 80 columns", "commands_[!n]*/[lhp][ieo]*", hidden=(r"(?m)…$", r"(?m)^.{81}")),),
    30: (gone("a sent ZIP without its date", "sent/choice", "From backup 1 of 28 Nov 2026, 21:00"),),
    31: (gone("the same time twice, as Etc/UTC", "commands_utc/*", "20:00", hidden=("Etc", r"(?s)Made:.*\n {10}\d")),),
    32: (gone("edits not counted", "restore_edits/plan", "🔴 Changes to 5 rows", "🔴 The column “paid”"),),
    33: (gone("✅ though too old", "stale/*", "🚨", hidden=("✅ (Last|The last|Backups|Schedule)",)),),
    34: (gone("✅ and 🚨 of one disk", "disk/health", "🚨 Disk nearly full", hidden=("✅ Disk",)),),
    35: (
        gone(
            "a full disk five times",
            "full_disk/status",
            "17 MB needed, 5.0 MB free",
            hidden=("(?s)MB needed.*MB needed", "/work", "/tmp", r"\d bytes"),
        ),
    ),
    36: (gone("a run before its time", "paused/health", "next at 22:03", hidden=("22:00", "23:00")),),
    37: (gone("a loud first backup", "first_backup/card", "👋 User 12 must open the bot", hidden=("🚨", "⚠️")),),
    38: (
        gone("databases of another life", "another_life/*", hidden=("❌", "🚨", "⚠️")),
        gone("", "another_life/status", "[✖️ Hide 3 old databases]"),
    ),
    39: (
        gone(
            "many files unannounced",
            "many_files/[ch]*",
            "🧩 4 volumes a backup: 96 files and 84 MB a day in each chat. Every 6 h instead?",
        ),
        gone(
            "the whole caption again",
            "captions_volumes/second",
            "🧩 Volume 2 of 2 of backup 1",
            hidden=("SHA-256", "cat "),
        ),
    ),
    40: (
        gone("a forecast after minutes", "filling/after_an_hour", hidden=("full in",)),
        gone("", "filling/after_a_day", "full in about 7 months"),
    ),
    41: (
        gone("losses of an undo", "restore/undo", hidden=("🔴", "Lost", "lost")),
        gone("Undo of an undo", "restore/undone", "[↪️ Redo]", hidden=("Undo",)),
    ),
    42: (
        gone("“@daily” refused", "schedules/daily", "Daily at 00:00"),
        gone("unmarked", "many_files/schedule", "[• Every hour]"),
    ),
    43: (
        gone("types in help", "commands_one/help", "-h, --help", hidden=("<list", "<float", "INTEGER")),
        gone("121 lines", "commands_many/recover", "24 databases restored"),
    ),
    44: (gone("safety copies for good", "restore/restored", "(backup 2), until 28 Dec 2026"),),
    45: (gone("users.db refused", "sent/database", "📦 A database file", "[♻️ Restore…]"),),
}
"""By number; the one that is missing is about the way to install, and below."""


@pytest.mark.parametrize("number", FAULTS)
def test_a_fault_is_gone(number: int) -> None:
    for each in FAULTS[number]:
        screens = sorted(SCREENS.glob(f"{each.screens}.txt"))
        assert screens, f"no golden screen is called {each.screens}"
        for path in screens:
            text = path.read_text(encoding="utf-8")
            where = f"{path.parent.name}/{path.stem}: {each.fault}"
            assert [part for part in each.shown if part not in text] == [], where
            assert [found[0] for hidden in each.hidden if (found := re.search(hidden, text))] == [], where


def test_nothing_says_to_install_what_no_index_has() -> None:
    """Fault 3: `pip install 'sqlite-courier[…]'` finds nothing before it is published."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bot/**/*.py"), ROOT / ".env.example"]
    assert len(pages) > 500
    assert [
        path.name for path in pages if re.search(r"pip install ['\"]?sqlite-courier", path.read_text("utf-8"))
    ] == []


def test_every_fault_is_looked_at() -> None:
    assert sorted([*FAULTS, 3]) == [*range(1, 46)]
