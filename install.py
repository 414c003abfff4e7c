"""Installs SQLite Courier from this folder, and starts `sqlite-courier setup` in the one that it was called in.

    python3 install.py [--no-setup] [EXTRA ...]

It is installed by uv or pipx where there is one, into an environment of its own, else into .venv in this folder. Extras
beside those of setup and sealing are, for instance, phones, objects and mail.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXTRAS = ("setup", "sealing")
COMMAND = "sqlite-courier.exe" if os.name == "nt" else "sqlite-courier"


def main() -> int:
    """Return the exit code of `setup`, or of what could not be installed."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the very question
        print(f"SQLite Courier needs Python 3.11 or later, and this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__.strip())
        return 0
    wanted = [word for word in sys.argv[1:] if word != "--no-setup"]
    there = extras()
    for word in wanted:
        if word not in there:
            print(f"There is no {word!r} here. Extras are: {', '.join(there)}; --help says more.", file=sys.stderr)
            return 2
    source = f"{HERE}[{','.join(dict.fromkeys((*EXTRAS, *wanted)))}]"
    try:
        command = install(source)
    except subprocess.CalledProcessError as error:
        print(f"That failed: {' '.join(error.cmd)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nEnded by Ctrl-C; the same command begins anew.", file=sys.stderr)
        return 130
    print(f"Installed: {command}", flush=True)
    if "--no-setup" in sys.argv:
        return 0
    if os.name != "nt":
        os.execv(command, [command, "setup"])  # noqa: S606 - in this process's place: nothing between it and Ctrl-C
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for setup to hear
    return subprocess.run([command, "setup"], check=False).returncode


def extras() -> list[str]:
    """Return the names of the extras. pip takes one that is not there for nothing, with a warning that it hides."""
    import tomllib  # noqa: PLC0415 - Python 3.10, which is told so above, has none

    return sorted(tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"])


def install(source: str) -> str:
    """Install, and return the path of the command. Raises `CalledProcessError`."""
    uv, pipx = shutil.which("uv"), shutil.which("pipx")
    if uv:
        run(uv, "tool", "install", "--quiet", "--force", "--reinstall", "--python", sys.executable, source)
        folder = said(uv, "tool", "dir", "--bin")
    elif pipx:
        run(pipx, "install", "--force", "--python", sys.executable, source)
        folder = said(pipx, "environment", "--value", "PIPX_BIN_DIR")
    else:
        folder = str(HERE / ".venv" / ("Scripts" if os.name == "nt" else "bin"))
        run(sys.executable, "-m", "venv", str(HERE / ".venv"))
        pip = (str(Path(folder) / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
        run(*pip, "install", "--upgrade", source)
    return str(Path(folder) / COMMAND)


def run(*command: str) -> None:
    print(f"> {' '.join(command)}", flush=True)
    subprocess.run(command, check=True)


def said(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
