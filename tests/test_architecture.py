"""The flow goes one way: faces call the manager, the manager calls the stages, the stages know models and errors."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BOT = ROOT / "bot"
MODULES = sorted(BOT.rglob("*.py"))

# Only these may know aiogram: the faces, the poller, the demo, and what brings a volume to Telegram and back.
TELEGRAM = (
    *("bot.handlers", "bot.app.polling", "bot.demo", "bot.app.service", "bot.app.telegram"),
    *("bot.services.telegram.destination", "bot.services.telegram.chat"),
    "bot.services.telegram.answers",
    "bot.services.telegram.notices",
    "bot.services.telegram.session",
)
FACES = (
    *("bot.handlers", "bot.cli.main", "bot.cli.output", "bot.cli.restore_output"),
    *("bot.app.service", "bot.app.telegram", "bot.app.polling", "bot.demo"),
)
VALUES = ("bot.models", "bot.errors", "bot.clock")


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    """The modules a file imports, those for type checking alone left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_knows_only_what_lies_below_it(path: Path) -> None:
    """No service knows a face, no value knows a service, and aiogram stays where Telegram is spoken to."""
    name, imports = module_name(path), imports_of(path)
    if is_in(name, ("bot.services",)):
        assert not [other for other in imports if is_in(other, FACES)]
    if is_in(name, VALUES):
        assert not [other for other in imports if other.startswith("bot.") and not is_in(other, VALUES)]
    if not is_in(name, TELEGRAM) and not name.startswith("bot.cli_"):
        assert not [other for other in imports if is_in(other, ("aiogram",))]


def test_the_vocabulary_has_one_address() -> None:
    """Values are imported from `bot.models`; in which of its files one lies is nobody else's business."""
    inner = {module_name(path) for path in (BOT / "models").glob("*.py")} - {"bot.models"}
    for path in (*MODULES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))):
        if path.parent != BOT / "models":
            assert not imports_of(path) & inner, path


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("aiocron", "bot.services.schedule.scheduler"),
        ("zipstream", "bot.services.archive.write"),
        ("pyrage", "bot.services.sealing.age"),
    ],
)
def test_a_librarys_manners_are_known_to_one_file(library: str, home: str) -> None:
    """What is odd about a library is dealt with in exactly one place."""
    assert [module_name(path) for path in MODULES if is_in_any(imports_of(path), library)] == [home]


def is_in_any(imports: set[str], library: str) -> bool:
    return any(is_in(name, (library,)) for name in imports)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.read_text(encoding="utf-8").strip()], ids=module_name
)
def test_a_modules_first_line_says_its_job(path: Path) -> None:
    """Whoever opens a file sees at once what it is for."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring
    assert docstring.splitlines()[0].rstrip().endswith((".", ":", "`."))


def test_every_dependency_is_imported_somewhere() -> None:
    """Nothing is installed that nobody uses."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    modules = {"aiozipstream": "zipstream", "pydantic-settings": "pydantic_settings", "zlib-ng": "zlib_ng"}
    used = {name.split(".")[0] for path in MODULES for name in imports_of(path)}
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=!~\[ ]", requirement)[0]
        assert modules.get(name, name.replace("-", "_")) in used, name


@pytest.mark.parametrize("command", [["--help"], ["config"], ["list"], ["status"], ["prune", "--dry-run"]])
def test_commands_that_do_not_talk_to_telegram_do_not_import_aiogram(tmp_path: Path, command: list[str]) -> None:
    """aiogram costs 2.5 seconds and 170 MB, which only Telegram's commands pay."""
    (tmp_path / ".env").write_text("DATABASES=./none.db\n")
    program = (
        "import sys; sys.argv[1:] = sys.argv[1:]\n"
        "from bot.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'aiogram' not in sys.modules, 'aiogram was imported'"
    )
    child = subprocess.run(
        [sys.executable, "-c", program, *command],
        cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
