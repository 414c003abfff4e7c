"""The container: its Dockerfile as hadolint reads it, its entrypoint run for real, and the example of compose."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ENTRYPOINT = ROOT / "container" / "entrypoint.sh"

AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="it becomes another user, which takes root and setpriv",
)


@pytest.mark.skipif(
    shutil.which("hadolint", path=str(Path(sys.executable).parent)) is None, reason="hadolint is absent"
)
def test_hadolint_finds_nothing() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    found = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("", 0)


def test_compose_mounts_folders_and_gives_the_service_time_to_end() -> None:
    (service,) = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"].values()
    targets = [volume.split(":")[1] for volume in service["volumes"]]
    assert targets == ["/courier", "/data"]
    assert not any(Path(volume.split(":")[0]).suffix for volume in service["volumes"])
    assert int(service["stop_grace_period"].removesuffix("s")) > 10  # what a shutdown takes at most
    assert {"PUID", "PGID", "TIMEZONE"} <= service["environment"].keys()


def started(folder: Path, *, as_whom: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run the entrypoint in `folder`, over a `sqlite-courier` that says who it is and what it was asked."""
    stub = folder.parent / "bin" / "sqlite-courier"
    stub.parent.mkdir(mode=0o755, exist_ok=True)
    stub.write_text('#!/bin/sh\necho "$(id -u):$(id -g) $(id -G) $*"\ntouch made && stat -c %u . made\necho $HOME\n')
    stub.chmod(0o755)
    entrypoint = stub.with_name("entrypoint")  # where others may read it, wherever the checkout lies
    entrypoint.write_bytes(ENTRYPOINT.read_bytes())
    for each in (folder.parent, *folder.parent.parents):  # pytest's own folders are closed to others
        if each.owner() == "root" and each not in (Path("/"), Path("/tmp")):
            each.chmod(each.stat().st_mode | 0o055)
    environment = {
        "PATH": f"{stub.parent}:{os.environ['PATH']}",
        "HOME": "/root",
        "PUID": "1234",
        "PGID": "2345",
        **more,
    }
    return subprocess.run(
        ["sh", "-c", f"exec {as_whom} sh {entrypoint} list --all"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@AS_ROOT
def test_it_runs_as_the_owner_of_the_databases_in_a_folder_that_root_has_made(tmp_path: Path) -> None:
    folder = tmp_path / "courier"
    folder.mkdir()
    (folder / ".env").write_text("BOT_TOKEN=x")
    done = started(folder)
    assert done.stdout.split("\n")[:4] == ["1234:2345 2345 list --all", "1234", "1234", str(folder)], done.stderr
    assert (folder / ".env").stat().st_uid == 0


@AS_ROOT
def test_a_folder_of_somebody_else_keeps_its_owner(tmp_path: Path) -> None:
    folder = tmp_path / "courier"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    os.chown(folder, 77, 77)
    assert started(folder).stdout.split("\n")[:3] == ["1234:2345 2345 list --all", "77", "1234"]


@AS_ROOT
def test_a_container_started_as_somebody_else_stays_that(tmp_path: Path) -> None:
    folder = tmp_path / "courier"
    folder.mkdir()
    os.chown(folder, 99, 98)
    done = started(folder, as_whom="setpriv --reuid 99 --regid 98 --clear-groups")
    assert done.stdout.startswith("99:98 98 list --all\n"), done.stderr


@AS_ROOT
def test_root_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "courier"
    folder.mkdir()
    done = started(folder, PUID="0")
    assert (done.returncode, done.stdout) == (2, "")
    assert "set them to the owner of the databases" in done.stderr
