"""`install.py` takes what installs programs on this machine, and starts `setup` where it was called."""

import os
import shlex
import signal
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from bot.errors import how_to_install

ROOT = Path(__file__).parent.parent


@pytest.mark.skipif(os.name == "nt", reason="its tools are scripts of a shell here")
@pytest.mark.parametrize(
    ("tool", "asked", "installed"),
    [("uv", "tool dir --bin", "uv tool install"), ("pipx", "environment --value PIPX_BIN_DIR", "pipx install")],
)
def test_it_installs_by_the_tool_that_is_there_and_starts_setup(
    tmp_path: Path, tool: str, asked: str, installed: str
) -> None:
    """From its own folder, with the extras that setup needs and those that were named."""
    tools, made, log = tmp_path / "tools", tmp_path / "made", tmp_path / "log"
    for path, script in (
        (tools / tool, f'echo "{tool} $*" >> {log}; [ "$*" != "{asked}" ] || echo {made}'),
        (made / "sqlite-courier", f'echo "$PWD $*" >> {log}; exit 7'),
    ):
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    command = [sys.executable, str(ROOT / "install.py"), "phones"]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
    first, *_, last = log.read_text().splitlines()
    assert first.startswith(installed)
    assert first.endswith(f" {ROOT}[setup,sealing,phones]")
    assert last == f"{tmp_path} setup"
    assert done.returncode == 7
    subprocess.run([*command, "--no-setup"], cwd=tmp_path, env={"PATH": str(tools)}, capture_output=True, check=True)
    assert log.read_text().splitlines()[-1] == f"{tool} {asked}"


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C goes to a process group here")
@pytest.mark.parametrize("at", ["setup", "install"])
def test_ctrl_c_is_for_setup_to_hear_and_never_a_traceback(tmp_path: Path, at: str) -> None:
    """As in a terminal it reaches every process at once; setup is not killed while it puts things in order."""
    installs = "echo waiting; sleep 60" if at == "install" else ":"
    waits = "trap 'sleep 0.5; echo in order; exit 14' INT; echo waiting; while :; do sleep 0.1; done"
    for name, script in (
        ("uv", f'if [ "$2" = dir ]; then echo {tmp_path}; else {installs}; fi'),
        ("sqlite-courier", waits),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    command = [sys.executable, "-u", str(ROOT / "install.py")]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background ignores it
    try:
        process = subprocess.Popen(command, env=environment, text=True, start_new_session=True, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        assert process.stdout is not None
        assert "waiting\n" in iter(process.stdout.readline, "")
        os.killpg(process.pid, signal.SIGINT)
        said = process.stdout.read()
    assert "Traceback" not in said
    assert (process.returncode, said.split("\n")[-2]) == {
        "setup": (14, "in order"), "install": (130, "Ended by Ctrl-C; the same command begins anew.")
    }[at]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "code", "said"),
    [
        ("--help", 0, "python3 install.py [--no-setup] [EXTRA ...]"),
        ("phonez", 2, "Extras are: all, charts, mail, objects, phones, proxy, sealing, setup;"),
        ("--no-setpu", 2, "There is no '--no-setpu' here."),
    ],
)
def test_help_is_given_and_a_slip_installs_nothing(tmp_path: Path, word: str, code: int, said: str) -> None:
    """A misspelt extra would be installed without, and an option handed to pip as one."""
    command = [sys.executable, str(ROOT / "install.py"), word]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True)
    assert "> " not in done.stdout  # no command was run


def test_the_hint_of_a_missing_extra_is_a_command_that_works_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """From where it was installed, by what can: uv makes environments without pip."""
    python = shlex.quote(sys.executable)
    folder = distribution("sqlite-courier").read_text("direct_url.json") or ""
    source = ROOT if f'"file://{ROOT}"' in folder else "."
    where = "" if source == ROOT else " in the folder of its source"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    assert how_to_install("phones") == f"{python} -m pip install {shlex.quote(f'{source}[phones]')}{where}"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert how_to_install("phones").startswith(f"uv pip install --python {python} ")
    monkeypatch.setattr("os.path.exists", lambda path: False)
    assert how_to_install("phones").endswith("'.[phones]' in the folder of its source")
