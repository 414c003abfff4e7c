"""`setup` against the stand-in with a scripted phone: from an empty folder to a backup that came back, and again."""

import asyncio
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from bot.cli.setup import starting
from bot.cli.setup.answers import SetupAnswers
from bot.cli.setup.asking import Asker
from bot.cli.setup.flow import set_up
from bot.config.settings import load_settings
from bot.errors import (
    AbortedError,
    ArchiveError,
    CourierError,
    InstanceError,
    MachineError,
    NotFoundError,
    SettingsError,
    TelegramError,
)
from bot.models import Recipient
from bot.services.backup.startup import open_store
from bot.services.files.locks import ServiceLock
from bot.services.finding.open_files import OpenFiles
from bot.services.host import accounts, machine
from bot.services.host.installation import Installation
from bot.services.telegram.session import DatedSession
from tests.world import faults
from tests.world.databases import make_database
from tests.world.groups import Group
from tests.world.phones import Person
from tests.world.processes import ROOT
from tests.world.snapshots import NOBODY, as_nobody
from tests.world.stand_in import StandIn
from tests.world.telegram import LoopbackSession

END = "\x03"
LINK = re.compile(r"https://t\.me/courier_bot\?start(?:group)?=\S+")
DOWN = "\x1b[B"


@dataclass
class Desk:
    """An empty folder, a terminal, and a phone that opens every link it sees; Ann has never written to the bot."""

    folder: Path
    api: StandIn
    ann: Person
    capsys: pytest.CaptureFixture[str]
    said: str = ""
    warned: str = ""
    opened: list[str] = field(default_factory=list)
    phones: list[Any] = field(default_factory=list)
    group: Group | None = None

    @property
    def token(self) -> str:
        return self.api.bot().token

    @property
    def env(self) -> str:
        return (self.folder / ".env").read_text(encoding="utf-8")

    def token_file(self) -> Path:
        path = self.folder.parent / "token"
        path.write_text(self.token)
        return path

    def read(self) -> None:
        out, err = self.capsys.readouterr()
        self.said, self.warned = self.said + out, self.warned + err

    async def run(self, *keys: str, terminal: bool = True, **answers: Any) -> None:
        """Set up with these answers, and with keys at the prompts that are left; whoever has a phone opens the link."""
        self.said = self.warned = ""
        answers = {"service": False} | answers
        with ExitStack() as stack:
            typed = stack.enter_context(create_pipe_input())
            stack.enter_context(create_app_session(input=typed, output=DummyOutput()))
            typed.send_text("".join(keys))
            work = asyncio.create_task(
                set_up(Path(".env"), SetupAnswers(**answers), Asker(terminal=terminal), listen=answers.pop("listen", 0))
            )
            try:
                while not work.done():
                    await asyncio.wait([work], timeout=0.02)
                    self.read()
                    for link in LINK.findall(self.said):
                        if link not in self.opened and self.api.bot().poller is not None:
                            self.opened.append(link)
                            person = self.phones.pop(0) if self.phones else self.ann
                            await person.open_link(link, self.group.chat if "startgroup" in link else None)
                work.result()
            finally:
                work.cancel()
                await asyncio.wait([work])
                self.read()
                assert self.token not in self.said + self.warned

    def left(self) -> set[str]:
        """What lies in the folder."""
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def desk(standin: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    folder = tmp_path / "courier"
    folder.mkdir()
    live = tmp_path / "live"
    make_database(live / "shop.db", 300)
    make_database(live / "users.db", 50, wal=False)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TELEGRAM_API", standin.url)
    monkeypatch.setattr("bot.services.finding.databases.usual_places", lambda: (live,))
    monkeypatch.setattr("bot.services.finding.databases.look_at_programs", OpenFiles)  # none
    monkeypatch.setattr(DatedSession, "close", LoopbackSession.close)
    for name in ("BOT_TOKEN", "ADMIN_IDS", "DATABASES", "DELIVER_TO"):
        monkeypatch.delenv(name, raising=False)
    return Desk(folder, standin, standin.add_user(11, "Ann", started=False), capsys)


def live(desk: Desk, name: str = "*.db") -> str:
    return str(desk.folder.parent / "live" / name)


async def test_three_answers_lead_from_nothing_to_a_backup_that_came_back(desk: Desk) -> None:
    """The token, a press on Start, what to back up, and no sealing: everything else follows."""
    await desk.run(desk.token + "\r", " \r", "\r")  # the pattern over both; Enter for no sealing
    assert "✓ This is Courier, @courier_bot." in desk.said
    assert "✓ Ann is an admin." in desk.said
    assert re.search(r"Fetched back from Telegram and restored: 2 databases, 352 rows, \d+\.\d s", desk.said)
    settings = load_settings()
    assert settings.admin_ids == (11,)
    assert settings.databases == (live(desk),)
    assert settings.given.places["BOT_TOKEN"] == "file"
    for private in (".env", "bot-token"):
        assert (desk.folder / private).stat().st_mode & 0o777 == 0o600
    assert desk.token not in desk.env
    texts = [message.text for message in desk.ann.messages]
    assert any("You are an admin of Courier now" in text for text in texts)
    assert "Fetched back from Telegram and restored: 2 databases, 352 rows" in texts[-1]
    assert any(message.file for message in desk.ann.messages)
    assert ("backup", "Back up now") in desk.ann.commands()
    assert "checked, proven" in desk.api.bot().description


async def test_every_answer_can_be_an_option(desk: Desk) -> None:
    """Piped, without a terminal; a script can do all of it. The key opens the drill, and no secret is printed."""
    await desk.run(
        terminal=False, token_file=desk.token_file(), admins=["wait"], databases=[live(desk, "shop.db")], seal=True,
        key_file=desk.folder.parent / "key.txt", bot_name="Shop", backup=True,
    )  # fmt: skip
    assert "Fetched back from Telegram and restored: 1 database" in desk.said
    assert "\x1b" not in desk.said
    secret = (desk.folder.parent / "key.txt").read_text().split()[-1]
    assert secret.startswith("AGE-SECRET-KEY-1")
    assert secret not in desk.said
    assert desk.left() == {".env", "backups", "logs"}
    assert f"BOT_TOKEN_FILE={desk.folder.parent / 'token'}" in desk.env
    assert load_settings().seal
    assert desk.api.bot().first_name == "Shop"


@pytest.mark.skipif(sys.platform == "win32", reason="its rights are another matter there")
async def test_a_token_file_that_others_can_read_is_closed_to_them(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is used from its own place; one of somebody else is left alone, and warned of."""
    answers = {"admins": ["11"], "databases": [live(desk)], "seal": False, "backup": False, "yes": True}
    file = desk.token_file()
    for mode, left in ((0o644, 0o600), (0o640, 0o640)):  # a group was let in by somebody who knew why
        file.chmod(mode)
        await desk.run(terminal=False, token_file=file, **answers)
        assert file.stat().st_mode & 0o777 == left
        assert ("can be read by its owner alone now" in desk.said) == (mode != left)
    file.chmod(0o644)
    monkeypatch.setattr(accounts, "me", lambda: "ann")
    monkeypatch.setattr(accounts, "owner_of", lambda path: "ben" if path == file else "ann")
    await desk.run(terminal=False, token_file=file, **answers)
    assert file.stat().st_mode & 0o777 == 0o644
    assert f"can be read by others: have root run chown ann {file} && chmod 600 {file}" in desk.warned


@pytest.mark.parametrize(
    ("answers", "flag"),
    [
        ({}, "--token-file"),
        ({"token_file": ...}, "--admin"),
        ({"token_file": ..., "admins": ["11"]}, "--database"),
        ({"token_file": ..., "admins": ["11"], "databases": ...}, "--no-seal"),
    ],
)
async def test_without_a_terminal_the_missing_answer_is_named(desk: Desk, answers: dict[str, Any], flag: str) -> None:
    """With the option that gives it; nothing is written."""
    if "token_file" in answers:
        answers = answers | {"token_file": desk.token_file()}
    if "databases" in answers:
        answers = answers | {"databases": [live(desk)]}
    with pytest.raises(SettingsError, match="There is no terminal to ask on") as caught:
        await desk.run(terminal=False, **answers)
    assert flag in caught.value.hint
    if flag == "--database":
        assert f"--database {live(desk, 'shop.db')}" in caught.value.hint
    assert desk.left() == set()


@pytest.mark.parametrize("prompt", range(3))
async def test_ctrl_c_at_any_question_leaves_nothing_behind(desk: Desk, prompt: int) -> None:
    """The token, the databases, sealing."""
    keys = [desk.token + "\r", " \r", "\r"]
    with pytest.raises(AbortedError):
        await desk.run(*keys[:prompt], END)
    assert desk.left() == set()


@pytest.mark.parametrize(("keys", "question"), [((), "no way"), ((DOWN + "\r",), "proxy"), ((), "another")])
async def test_ctrl_c_at_a_question_about_trouble_leaves_nothing_behind(
    desk: Desk, keys: tuple[str, ...], question: str
) -> None:
    """No way to Telegram, the proxy that was asked for then, and somebody else who listens."""
    if question == "another":
        desk.api.bot().webhook = "https://example.org/hook"
    else:
        desk.api.inject(faults.server_error(), "getMe")
    answers = {"token_file": desk.token_file(), "databases": [live(desk)], "seal": False, "backup": False}
    with pytest.raises(AbortedError):
        await desk.run(*keys, END, admins=["wait"], **answers)
    assert desk.left() == set()


async def test_ctrl_c_after_the_settings_leaves_them_whole(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the question for a backup, and for the service: what was written before it counts."""
    answers = {"admins": ["11"], "databases": [live(desk)], "seal": False}
    await desk.run(terminal=False, token_file=desk.token_file(), backup=False, **answers)
    whole = desk.env
    monkeypatch.setattr(machine, "_SYSTEMD_RUNS", desk.folder)
    for backup in (None, False):
        with pytest.raises(AbortedError):
            await desk.run(END, yes=True, backup=backup, service=None, admins=["11"])
        assert desk.env == whole


async def test_a_failure_while_writing_leaves_everything_as_it_was(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key, its sheets, the token, .env: all or none, and an .env of before stays."""
    before = "# mine\nMY_OWN=1\n"
    (desk.folder / ".env").write_text(before)
    replace = Path.replace

    def fails_at_last(self: Path, target: Path) -> Path:
        if Path(target).name == ".env":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails_at_last)
    with pytest.raises(ArchiveError, match="No space left"):
        await desk.run(desk.token + "\r", admins=["11"], databases=[live(desk)], seal=True, yes=True)
    assert desk.left() == {".env"}
    assert desk.env == before


async def test_an_env_of_before_is_shown_as_a_difference_and_kept(desk: Desk) -> None:
    """Its comments and other lines stay; samples and faults in what setup asks for are asked for anew."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8").replace("# KEEP_DAILY=0", "KEEP_DAILY=7  # a week")
    (desk.folder / ".env").write_text(example, encoding="utf-8")
    answers = {"token_file": desk.token_file(), "admins": ["11"], "databases": [live(desk)], "seal": False}
    for key in ("n", END):
        with pytest.raises(AbortedError):
            await desk.run(key, **answers)
        assert desk.env == example
    await desk.run("y", backup=False, **answers)
    assert "  - ADMIN_IDS=your-number" in desk.said
    assert "  + ADMIN_IDS=11" in desk.said
    assert "KEEP_DAILY=7  # a week\n" in desk.env
    assert load_settings().keep_daily == 7
    (kept,) = desk.folder.glob(".env.*.old")
    assert kept.read_text(encoding="utf-8") == example
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_a_fault_of_another_setting_is_told_before_anything_is_asked(desk: Desk) -> None:
    (desk.folder / ".env").write_text("MAX_BACKUP_COUNT=many\n")
    with pytest.raises(SettingsError, match="MAX_BACKUP_COUNT"):
        await desk.run()
    assert desk.said == ""


async def test_a_token_is_asked_for_until_telegram_names_the_bot(desk: Desk) -> None:
    """A wrong shape is told at the prompt, a wrong token by Telegram."""
    wrong = "123456:" + "A" * 35
    await desk.run(wrong + "\r", desk.token + "\r", admins=["11"], databases=[live(desk)], seal=False, backup=False)
    assert "Telegram does not accept the bot's token." in desk.warned
    assert load_settings().bot_token.get_secret_value() == desk.token
    file = desk.folder.parent / "wrong"
    for text, words in ((wrong, "does not accept"), ("nonsense", "does not look like a bot's token")):
        file.write_text(text)
        with pytest.raises(CourierError, match=words):
            await desk.run(terminal=False, token_file=file)


async def test_a_bot_that_somebody_else_listens_to_is_taken_over_only_when_told(desk: Desk) -> None:
    desk.api.bot().webhook = "https://example.org/hook"
    answers = {"token_file": desk.token_file(), "databases": [live(desk)], "seal": False, "backup": False}
    with pytest.raises(TelegramError, match=r"webhook at example\.org"):
        await desk.run("n", admins=["wait"], **answers)
    assert desk.left() == set()
    with pytest.raises(TelegramError, match=r"webhook at example\.org") as refused:
        await desk.run(terminal=False, admins=["wait"], **answers)
    assert refused.value.hint.endswith("--take-over uses it all the same.")
    assert "webhook" not in desk.warned  # said once
    await desk.run(terminal=False, admins=["wait"], take_over=True, **answers)
    assert desk.api.bot().webhook == ""
    assert "Ann is an admin" in desk.said


async def test_no_way_to_telegram_offers_a_proxy_and_another_try(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.api.inject(faults.server_error(), "getMe")
    await desk.run("\r", token_file=desk.token_file(), admins=["11"], databases=[live(desk)], seal=False, backup=False)
    assert "Internal Server Error" in desk.warned
    with pytest.raises(TelegramError, match="The proxy of PROXY does not answer"):
        await desk.run(terminal=False, proxy="socks5://user:secret@127.0.0.1:9")
    assert "secret" not in desk.env


async def test_run_again_it_changes_what_is_there(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another admin and a group by links, a database more and one less, by options and by the menu."""
    ben = desk.api.add_user(12, "Ben", started=False)
    desk.group = desk.api.add_group(-1005, members=[desk.ann], bot_status="left")
    await desk.run(
        terminal=False, token_file=desk.token_file(), admins=["wait"], databases=[live(desk, "shop.db")], seal=False,
    )  # fmt: skip
    assert "✅ The first backup came back" in desk.ann.messages[-1].text
    desk.phones = [ben, desk.ann]
    await desk.run(
        terminal=False, admins=["wait"], places=["wait"], databases=[live(desk, "users.db")],
        remove_databases=[live(desk, "shop.db")], yes=True,
    )  # fmt: skip
    settings = load_settings()
    assert settings.admin_ids == (11, 12)
    assert settings.deliver_to == (Recipient(chat_id=11), Recipient(chat_id=12), Recipient(chat_id=-1005))
    assert settings.databases == (live(desk, "users.db"),)
    assert "Fetched back from Telegram and restored: 1 database, 51 rows" in desk.said
    assert "✓ Admins: Ann, Ben. Backups go to: Ann (11), Ben (12), Admins (-1005)." in desk.said
    assert "✓ Delivered to Ann." in desk.said  # who came in an earlier setup
    assert "✓ Off, as before." in desk.said
    assert "✅ The backup came back" in ben.messages[-1].text
    assert any(message.file for message in desk.group.messages)
    assert any("sends its backups here from now on" in message.text for message in desk.group.messages)

    before = desk.env
    for keys in ((END,), (DOWN * 4 + "\r", END), (DOWN + "\r", END)):  # the menu; who is no admin; the databases
        with pytest.raises(AbortedError):
            await desk.run(*keys)
        assert desk.env == before
    await desk.run(DOWN * 4 + "\r", DOWN + "\r", "\r", "y", "n")  # Ben; nothing more; write; no backup
    settings = load_settings()
    assert settings.admin_ids == (11,)
    assert settings.deliver_to == (Recipient(chat_id=11), Recipient(chat_id=-1005))

    await desk.run(DOWN + "\r", DOWN + " \r", "\r", "y", "n")  # the databases: a new one beside; nothing more
    assert load_settings().databases == (live(desk, "users.db"), live(desk, "shop.db"))
    before = desk.env
    await desk.run(terminal=False, yes=True, backup=False)
    assert desk.env == before
    assert f"✓ {desk.folder / '.env'} stays as it is." in desk.said

    for answers, words in (
        ({"remove_admins": [11]}, "last admin"),
        ({"remove_admins": [99]}, "99 is no admin"),
        ({"remove_places": ["-7"]}, "not in DELIVER_TO"),
        ({"remove_databases": ["/nowhere.db"]}, "not in DATABASES"),
        ({"databases": ["/nowhere.db"]}, "does not exist"),
        ({"admins": ["@ann"]}, "a bot can't look names up"),
        ({"places": ["@shop"]}, "write the chat's number"),
    ):
        with pytest.raises(CourierError, match=words) as caught:
            await desk.run(terminal=False, **answers)
        assert isinstance(caught.value, SettingsError | NotFoundError)
    assert desk.env == before


async def test_who_was_added_and_removed_in_the_chat_counts_for_what_is_said(desk: Desk) -> None:
    """Settings → Admins and Where backups go stand over .env, which alone would be half of the truth."""
    answers = {"admins": ["11", "12"], "databases": [live(desk)], "seal": False, "backup": False, "yes": True}
    await desk.run(terminal=False, token_file=desk.token_file(), **answers)
    assert "✓ Admins: 11, 12. Backups go to: the admins." in desk.said
    async with open_store(load_settings()) as (_, catalogue):
        await catalogue.service.set_override("ADMIN_IDS", "+13 -12", "Ann (11)")
        await catalogue.service.set_override("DELIVER_TO", "+-1005/auto", "Ann (11)")
    await desk.run(terminal=False, **answers)
    assert "✓ Admins: 11, 13 (added in the chat). Backups go to: 11, 13, -1005/auto." in desk.said


async def test_beside_the_running_service_nobody_is_waited_for(desk: Desk) -> None:
    """It hears who arrives; what can be changed without it is, and it says that it must be restarted."""
    await desk.run(
        terminal=False, token_file=desk.token_file(), admins=["11"], databases=[live(desk)], seal=False, backup=False
    )
    (desk.folder / "backups").mkdir(exist_ok=True)
    async with ServiceLock(desk.folder / "backups"):
        with pytest.raises(InstanceError, match="The service is running"):
            await desk.run(terminal=False, admins=["wait"], yes=True)
        await desk.run(terminal=False, admins=["12"], yes=True)
    assert load_settings().admin_ids == (11, 12)
    assert "restart it" in desk.said
    assert desk.api.calls_of("sendDocument") == []


async def test_several_services_of_one_folder_keep_their_own_tokens(desk: Desk) -> None:
    """The second .env beside the first has a token file of its own."""
    answers = {"admins": ["11"], "databases": [live(desk)], "seal": False, "backup": False}
    (desk.folder / "bot-token").write_text("123456:" + "A" * 35)
    await desk.run(desk.token + "\r", **answers)
    assert (desk.folder / "bot-token").read_text().startswith("123456:")
    assert f"BOT_TOKEN_FILE={desk.folder / f'bot-token-{desk.api.bot().id}'}" in desk.env


async def test_where_another_server_receives_nobody_is_waited_for(desk: Desk) -> None:
    (desk.folder / ".env").write_text("RECEIVE=off\n")
    with pytest.raises(InstanceError, match="RECEIVE is off"):
        await desk.run(terminal=False, token_file=desk.token_file(), admins=["wait"])
    await desk.run(
        terminal=False, token_file=desk.token_file(), admins=["11"], databases=[live(desk)], seal=False, backup=False,
        yes=True,
    )  # fmt: skip
    assert not load_settings().receive


async def test_who_did_not_come_and_what_was_not_delivered_are_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code that died, and an admin who never pressed Start."""
    monkeypatch.setattr("bot.services.telegram.arrivals.CODE_SECONDS", -1)
    answers = {"token_file": desk.token_file(), "databases": [live(desk)], "seal": False}
    with pytest.raises(TelegramError, match="Nobody came by the link"):
        await desk.run(terminal=False, admins=["wait"], **answers)
    with pytest.raises(CourierError, match=r"nobody has received it: .*press Start"):
        await desk.run(terminal=False, admins=["11"], **answers)
    assert (desk.folder / ".env").exists()


async def test_what_the_environment_decides_is_not_written_over(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_IDS", "5")
    with pytest.raises(SettingsError, match="ADMIN_IDS stands in the environment"):
        await desk.run()


@as_nobody
async def test_what_root_writes_belongs_to_the_owner_of_the_databases(desk: Desk, shared_folder: Path) -> None:
    """The service is to run as that user, who has to read the settings and write the backups."""
    theirs = make_database(shared_folder / "theirs.db", wal=False)
    os.chown(theirs, NOBODY, NOBODY)
    await desk.run(desk.token + "\r", admins=["wait"], databases=[str(theirs)], seal=False)
    assert "the service is to run as nobody" in desk.said
    made = [path for path in desk.folder.rglob("*") if path.parts[-1] != "tmp"]
    assert {path.name for path in made} > {".env", "bot-token", "backups", "logs", "catalogue.db"}
    assert {path.stat().st_uid for path in made} == {NOBODY}


async def test_databases_that_nobody_here_may_read_are_refused_before_anything_is_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first backup could only fail, and who could make it is known."""
    monkeypatch.setattr(accounts, "IS_ROOT", False)
    monkeypatch.setattr(accounts, "me", lambda: "ben")
    monkeypatch.setattr("bot.cli.setup.databases.os.access", lambda *_: False)
    with pytest.raises(SettingsError, match="You are ben, who may read none of them") as refused:
        await desk.run(terminal=False, token_file=desk.token_file(), admins=["11"], databases=[live(desk)], seal=False)
    assert refused.value.hint == f"Run setup as {(desk.folder / '..' / 'live' / 'shop.db').owner()}, their owner."
    assert desk.left() == set()


async def test_the_service_is_offered_where_the_machine_can_start_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown first, and written after a yes; without systemd nothing is tried."""
    monkeypatch.setattr(machine, "_SYSTEMD_RUNS", desk.folder / "no systemd here")
    answers = {"admins": ["11"], "databases": [live(desk)], "seal": False, "backup": False}
    await desk.run(terminal=False, token_file=desk.token_file(), service=None, **answers)
    assert desk.said.strip().endswith("`sqlite-courier run` starts this one; in a container its restart policy does.")
    with pytest.raises(
        MachineError, match="Nothing on this machine starts services"
    ):  # a script is not left to think so
        await desk.run(terminal=False, service=True, yes=True, **answers)
    installed: list[Installation] = []
    monkeypatch.setattr(machine, "_SYSTEMD_RUNS", desk.folder)
    monkeypatch.setattr(starting, "install", lambda _recipe, plan, tell: installed.append(plan))
    await desk.run("n", terminal=True, service=None, yes=True, backup=False)
    assert "To be written" in desk.said
    assert not installed
    await desk.run(terminal=False, service=True, yes=True, backup=False)
    assert [plan.env_file for plan in installed] == [desk.folder / ".env"]


@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("found/sqlite-courier", "sqlite-courier"),
        ("other/.venv/bin/sqlite-courier", "other/.venv/bin/sqlite-courier"),
        ("../a b/sqlite-courier", "'{}/a b/sqlite-courier'"),
        ("bot/__main__.py", "sqlite-courier"),
    ],
)
def test_what_is_said_to_be_typed_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, named: str
) -> None:
    """Without pipx and uv the command lies in .venv, where no shell finds it."""
    here = tmp_path / "here"
    for program in ("found/sqlite-courier", "other/.venv/bin/sqlite-courier", "../a b/sqlite-courier"):
        (here / program).parent.mkdir(parents=True, exist_ok=True)
        (here / program).write_text("#!/bin/sh\n")
        (here / program).chmod(0o755)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", str(here / "found"))
    monkeypatch.setattr(sys, "argv", [os.path.normpath(here / typed)])
    assert starting.called() == named.format(tmp_path)


# --- a real terminal ------------------------------------------------------------------------------------------------


@contextmanager
def terminal_of(*arguments: str, folder: Path, **environment: str) -> Iterator[tuple[int, int]]:
    """Start the command on a terminal of 80 columns; gives its process and its descriptor."""
    import pty  # noqa: PLC0415 - not on Windows

    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.execve(
            sys.executable,
            [sys.executable, "-m", "bot", *arguments],
            kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "LINES": "50", "TERM": "xterm"} | environment,
        )
    try:
        yield process, terminal
    finally:
        os.close(terminal)


async def read_until(terminal: int, words: str) -> str:
    """Read the terminal until it shows these words."""
    seen = ""
    async with asyncio.timeout(30):
        while words not in seen:
            try:
                seen += (await asyncio.to_thread(os.read, terminal, 4096)).decode(errors="replace")
            except OSError:  # its end
                break
    assert words in seen
    return seen


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pty")
async def test_on_a_terminal_of_80_columns_without_colours(desk: Desk) -> None:
    """The code of a link fits, a token is not echoed, and Ctrl-C ends it with nothing written."""
    with terminal_of("setup", folder=desk.folder, NO_COLOR="1", TELEGRAM_API=desk.api.url) as (process, terminal):
        seen = await read_until(terminal, "The token of your bot:")
        os.write(terminal, desk.token.encode())
        seen += await read_until(terminal, "*" * 30)
        os.write(terminal, END.encode())
        seen += await read_until(terminal, "Nothing was written.")
        _, status = await asyncio.to_thread(os.waitpid, process, 0)
    assert os.waitstatus_to_exitcode(status) == AbortedError.exit_code
    assert desk.left() == set()
    assert desk.token.partition(":")[2] not in seen
    assert "█" in seen
    drawn = [line for line in seen.splitlines() if "█" in line]
    assert max(map(len, drawn)) <= 80
    assert not re.search(r"\x1b\[[0-9;]*3\d", "".join(drawn))
