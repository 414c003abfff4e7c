"""The README and the pages in docs/ keep their promises: links, names of files, commands, versions."""

import re
from pathlib import Path

import pytest

from bot import __version__, errors
from bot.cli.application import COMMANDS as COMMAND_LINE

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
COMMANDS = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as public hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A page that is linked to is there, and so is the heading."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        assert linked.exists(), f"{page.name} links to {target}, which is not there"
        assert not anchor or anchor in anchors_of(linked), f"{page.name} links to {target}, which has no such heading"


def test_every_page_can_be_reached_from_the_readme() -> None:
    """No page is written for nobody."""
    reached, ahead = set(), [README]
    while ahead:
        page = ahead.pop()
        reached.add(page)
        links = re.findall(r"\]\(([^)\s#]+\.md)", page.read_text(encoding="utf-8"))
        ahead += [
            found for link in links if (found := (page.parent / link).resolve()) not in reached and found.exists()
        ]
    assert set(PAGES) <= reached


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    """Who moves a module moves its name in the pages too: paths from the root, from bot/ or from bot/services/."""
    for name in re.findall(r"`((?:\w+/)+\w+\.py)`", page.read_text(encoding="utf-8")):
        there = any((ROOT / folder / name).exists() for folder in ("", "bot", "bot/services"))
        assert there, f"{page.name} names {name}, which is not there"


def test_the_readme_is_read_in_a_minute() -> None:
    """One and a half screens; the rest has its pages."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 130


def test_every_command_is_described() -> None:
    """The table of commands is the command line's own."""
    for command in (name for names in COMMAND_LINE.values() for name in names):
        assert re.search(rf"^\| .*`[^`]*\b{command}\b", COMMANDS, flags=re.MULTILINE), command


def test_every_exit_code_is_described() -> None:
    """Each kind of failure has one exit code, and the page tells it."""
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.CourierError) and kind is not errors.CourierError
    ]
    codes = [kind.exit_code for kind in kinds]
    assert len(set(codes)) == len(codes)
    told = [int(code) for code in re.findall(r"^\| (\d+) \|", COMMANDS.split("## Exit codes")[1], flags=re.MULTILINE)]
    assert sorted(codes) == told


def test_the_changelog_knows_this_version_and_says_nothing_twice() -> None:
    """What is not released stands first, then each version with its day; parallel changes may not double a line."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
    assert __version__ in {heading.split()[0] for heading in headings[1:]}
    for version in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        kinds = re.findall(r"^### (.+)$", version, flags=re.MULTILINE)
        assert sorted(set(kinds)) == sorted(kinds), kinds
    begun = [entry[:60] for entry in re.findall(r"^- (.+)$", text, flags=re.MULTILINE)]
    twice = {entry for entry in begun if begun.count(entry) > 1}
    assert not twice, "merging by union brought moved lines back: of `git diff main CHANGELOG.md` keep what is your own"
