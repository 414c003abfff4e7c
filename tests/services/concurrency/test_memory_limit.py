"""How much memory there is: the machine's, or less where a group of processes is limited."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.services.concurrency import memory_limit
from bot.services.snapshot.check_process import limits_for

pytestmark = pytest.mark.skipif(not hasattr(os, "sysconf"), reason="nothing tells it")

MIB = 1 << 20


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        ("0::/", {"memory.max": "max"}, None),
        ("0::/", {"memory.max": str(96 * MIB)}, 96 * MIB),  # as a container sees its own
        ("0::/a/b", {"a/memory.max": str(96 * MIB), "a/b/memory.max": "max"}, 96 * MIB),
        ("0::/a/b", {"a/memory.max": str(96 * MIB), "a/b/memory.high": str(64 * MIB)}, 64 * MIB),
        ("0::/outside", {"memory.max": str(96 * MIB)}, 96 * MIB),
        ("4:cpu:/a\n3:memory:/a", {"memory/a/memory.limit_in_bytes": str(96 * MIB)}, 96 * MIB),
        ("3:memory:/docker/x", {"memory/memory.limit_in_bytes": str(96 * MIB)}, 96 * MIB),
        ("3:memory:/", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ("4:cpu:/a", {"a/memory.max": "1"}, None),
        ("", {}, None),
    ],
)
def test_a_group_may_have_less_than_the_machine(
    groups: str, files: dict[str, str], limit: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all limits around a process the lowest counts, by both of Linux' versions of them; else the machine's."""
    (tmp_path / "cgroup").write_text(f"{groups}\n" if groups else "")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(memory_limit, "_OWN_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory_limit, "_GROUPS", tmp_path)
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert memory_limit.memory_bytes() == (machine if limit is None else limit)


def test_a_copy_that_does_not_stay_in_memory_is_not_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a small container its pages would be read again and again."""
    (tmp_path / "cgroup").write_text("0::/\n")
    (tmp_path / "memory.max").write_text(f"{200 * MIB}\n")
    monkeypatch.setattr(memory_limit, "_OWN_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory_limit, "_GROUPS", tmp_path)
    assert limits_for(40 * MIB).mapped_bytes == 40 * MIB
    assert limits_for(60 * MIB).mapped_bytes == 0
