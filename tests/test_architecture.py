"""The rooms lie in one order, and every import goes down it; a library's manners are known to one file."""

import ast
import dataclasses
import importlib
import re
import tomllib
from pathlib import Path
from typing import TypeGuard

import pytest

from bot.app.build import ServiceParts
from bot.app.events import Events
from bot.services.catalogue.schema import TABLES
from bot.services.manager import Courier, Manager
from bot.services.status.inventory import Inventory

ROOT = Path(__file__).parent.parent
BOT = ROOT / "bot"
MODULES = sorted(BOT.rglob("*.py"))

# The rooms from the ground up: each knows only those before it. docs/architecture.md shows the same list.
ORDER = (
    "models",
    "clock",
    "words",
    "errors",
    "contracts",
    "concurrency",
    "journal",
    "files",
    "zip",
    "snapshot",
    "sealing",
    "telegram",
    "archive",
    "catalogue",
    "mail",
    "config",
    "host",
    "finding",
    "people",
    "delivery",
    "fetch",
    "messages",
    "retention",
    "schedule",
    "restore",
    "objects",
    "alarms",
    "status",
    "recovery",
    "restore_chat",
    "backup",
    "inbox",
    "drill",
    "doctor",
    "manager",
    "texts",
    "charts",
    "handlers",
    "app",
    "demo",
    "cli",
)
# Only these may know aiogram: it costs two seconds and 170 MB.
TELEGRAM = ("telegram", "handlers", "app", "demo", "cli")


def room(module: str) -> str:
    """Return the room that a module lies in."""
    parts = module.split(".")
    return parts[2] if parts[1] == "services" and len(parts) > 2 else parts[1]


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> set[str]:
    """The modules a file imports anywhere: at its top, in functions, and for type checking alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_in(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def rooms_known_to(path: Path) -> set[str]:
    """The rooms of ours that a file imports from."""
    modules = {module_name(other) for other in MODULES}
    ours = {name for name in imports_of(path) if name in modules and name not in ("bot", "bot.services")}
    return {room(name) for name in ours}


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.parent != BOT or path.stem in ORDER], ids=module_name
)
def test_a_room_knows_only_rooms_below_it(path: Path) -> None:
    """The order of the rooms is a list, and every import goes down it."""
    name = module_name(path)
    if name == "bot.services":
        return
    here = ORDER.index(room(name))
    assert not [other for other in rooms_known_to(path) if ORDER.index(other) > here]
    if room(name) not in TELEGRAM:
        assert not [other for other in imports_of(path) if is_in(other, ("aiogram",))]


def test_the_architecture_page_shows_the_same_order() -> None:
    """A new hand reads the list that the imports are held to."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = page.split("<!-- rooms -->")[1].split("<!-- /rooms -->")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)) == ORDER


def test_nothing_lies_loose() -> None:
    """bot/ holds the vocabulary and rooms, services/ rooms and the manager; every folder is a room."""
    assert {path.stem for path in BOT.glob("*.py")} == {"__init__", "__main__", "errors", "clock"}
    assert {path.stem for path in (BOT / "services").glob("*.py")} == {"__init__", "manager"}
    folders = [
        path for folder in (BOT, BOT / "services") for path in folder.iterdir() if (path / "__init__.py").exists()
    ]
    assert {path.name for path in folders} - {"services"} <= set(ORDER)


def test_a_class_name_has_one_meaning() -> None:
    """Nobody has to ask which one is meant."""
    owners: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                owners.setdefault(node.name, []).append(module_name(path))
    assert {name: where for name, where in owners.items() if len(where) > 1} == {}


def test_what_was_built_is_not_changed_from_outside() -> None:
    """`bot/app/build.py` leaves no part missing, and nobody assigns to one afterwards."""
    parts = {field.name: field.type for graph in (Courier, ServiceParts) for field in dataclasses.fields(graph)}
    lacking = [name for name, kind in parts.items() if re.search(r"\bNone\b", str(kind).split("[", maxsplit=1)[0])]
    assert lacking == ["files"]  # of Telegram's: a command that sends nothing has none
    for graph in (Courier, ServiceParts, Inventory, Manager, Events):
        assert graph.__dataclass_params__.frozen
    for path in (path for path in MODULES if BOT / "demo" not in path.parents):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute) or not isinstance(node.ctx, ast.Store):
                continue
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
            where = f"{module_name(path)}:{node.lineno} {ast.unparse(node)}"
            assert name.lstrip("_") not in parts.keys() | {"courier", "parts", "session", "service"}, where
            if path.parent == BOT / "app":
                assert name == "self" or ast.unparse(owner) == "self.state", where


def test_the_vocabulary_has_one_address() -> None:
    """Values are imported from `bot.models`; in which of its files one lies is nobody else's business."""
    inner = {module_name(path) for path in (BOT / "models").glob("*.py")} - {"bot.models"}
    for path in (*MODULES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))):
        if path.parent != BOT / "models":
            assert not imports_of(path) & inner, path


@pytest.mark.parametrize(
    "path", [*(ROOT / "benchmarks").glob("*.py"), *(ROOT / "tools").glob("*.py")], ids=lambda path: path.stem
)
def test_what_no_test_runs_imports_what_there_is(path: Path) -> None:
    """Benchmarks and tools, and the programs that they run, after something has moved."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    for program in (tree, *(ast.parse(text) for text in texts if text.startswith("\nimport "))):
        for node in ast.walk(program):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in ("bot", "tests", "benchmarks"):
                for one in node.names:
                    there = importlib.import_module(str(node.module))
                    assert hasattr(there, one.name) or importlib.import_module(f"{node.module}.{one.name}")


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("aiocron", "bot.services.schedule.scheduler"),
        ("zipstream", "bot.services.archive.stream"),
        ("pyrage", "bot.services.sealing.age"),
    ],
)
def test_a_librarys_manners_are_known_to_one_file(library: str, home: str) -> None:
    """What is odd about a library is dealt with in exactly one place."""
    assert [module_name(path) for path in MODULES if is_in_any(imports_of(path), library)] == [home]


def test_the_catalogue_speaks_sql_alone() -> None:
    """Its connection and tables are its own business, and no other room has a statement on them."""
    home = BOT / "services" / "catalogue"
    open_to_all = {f"bot.services.catalogue.{name}" for name in ("newest", "private_copy")}
    inner = {module_name(path) for path in MODULES if path.parent == home} - {"bot.services.catalogue"}
    statement = re.compile(rf"\b(FROM|JOIN|INTO|UPDATE|TABLE)\s+(OR \w+ )?({'|'.join(sorted(TABLES))})\b")
    for path in MODULES:
        if path.parent == home:
            continue
        assert not (imports_of(path) & inner) - open_to_all, path
        texts = [node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if is_text(node)]
        assert not [text for text in texts if statement.search(text)], path


def test_no_test_module_is_imported() -> None:
    """What several test modules need lies in tests/world/; a fixture comes by its name."""
    for path in (ROOT / "tests").rglob("*.py"):
        assert not [name for name in imports_of(path) if re.match(r"tests\.(.*\.)?(test_\w+|conftest)\b", name)], path


def is_text(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def test_the_address_of_a_sqlite_file_is_made_in_one_place() -> None:
    """A name with ? or # in it, a drive and a share of Windows are thought of once."""
    assert [module_name(path) for path in MODULES if ".as_uri()" in path.read_text(encoding="utf-8")] == [
        "bot.services.snapshot.source"
    ]


def is_in_any(imports: set[str], library: str) -> bool:
    return any(is_in(name, (library,)) for name in imports)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.read_text(encoding="utf-8").strip()], ids=module_name
)
def test_a_modules_first_line_says_its_job(path: Path) -> None:
    """Whoever opens a file sees at once what it is for."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring.splitlines()[0].rstrip().endswith((".", ":", "`."))


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_a_module_is_short_or_says_why_not(path: Path) -> None:
    """A file that nobody reads to its end holds two things."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 300 or "may be long" in (ast.get_docstring(ast.parse(text)) or "")


def test_every_dependency_is_imported_somewhere() -> None:
    """Nothing is installed that nobody uses."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    modules = {"aiozipstream": "zipstream", "zlib-ng": "zlib_ng"}
    used = {name.split(".")[0] for path in MODULES for name in imports_of(path)}
    for requirement in project["dependencies"]:
        name = re.split(r"[<>=!~\[ ]", requirement)[0]
        assert modules.get(name, name.replace("-", "_")) in used, name
