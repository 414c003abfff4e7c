"""Runs the `demo` command: the real bot against the stand-in, with three phones shown in the terminal."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from bot.app.service import Service
from bot.clock import Clock
from bot.config.settings import Settings
from bot.demo.machine import ADMINS, DemoClock, notice_the_time, write_env, writing
from bot.demo.phones import Person
from bot.demo.proof import Finding, check_delivered
from bot.demo.recovery import contents_of, destroy_and_recover
from bot.demo.samples import REQUESTS, make_samples
from bot.demo.stand_in.refusals import flood
from bot.demo.stand_in.standin import StandIn
from bot.demo.stand_in.state import Message
from bot.journal import writer as journal
from bot.models import Actor, Trigger
from bot.services.concurrency.nursery import beside

PATIENCE = 60.0
"""Seconds the demo waits for each thing it shows before it says that it did not come."""

out = Console(highlight=False)


async def run_demo(patterns: Sequence[str], *, once: bool) -> int:
    """Show a scheduled and a manual backup reach three admins, then check the delivered file.

    Returns the exit code: 0 only if everything that was to be shown was seen and every check held. Without `once`
    the service goes on until Ctrl-C.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sqlite-courier-demo-")))
        writing = await stack.enter_async_context(AsyncExitStack())
        sources = list(patterns) or await writing.enter_async_context(_samples(folder / "live"))
        api = await stack.enter_async_context(StandIn())
        settings = write_env(folder, sources, api)
        log = journal.setup_journal(settings.log_dir, "INFO", console=False)
        stack.callback(log.close)
        clock = DemoClock(api)
        stage = Terminal(api, settings.timezone)
        await stack.enter_async_context(beside(stage.show()))
        try:
            async with Service.started(settings, clock=clock) as service:
                clock.go_before_the_hour()  # now that it runs, however long its start took
                await notice_the_time(service)
                findings = await _play(stage, clock)
                if not once:
                    _print_findings(findings)
                    await _go_on(stage, settings)
                elif not patterns:
                    await writing.aclose()
                    await _last_backup(stage, service)
        except TimeoutError as error:
            out.print(f"[red]✗ what was to be shown did not come:[/] {escape(str(error))}")
            return 1
        if once and not patterns:
            findings += await _lose_the_machine(stage, settings, [Path(source) for source in sources], folder)
        return 0 if _print_findings(findings) else 1


@asynccontextmanager
async def _samples(live: Path) -> AsyncIterator[list[str]]:
    """The five sample databases, with a live writer in a process of its own."""
    await asyncio.to_thread(live.mkdir)
    made = await asyncio.to_thread(make_samples, live)
    async with writing(live / REQUESTS):
        yield [str(path) for path in made]


async def _last_backup(stage: Terminal, service: Service) -> None:
    """The writer has ended: a backup of what there is now, and the pinned restore points that know of it."""
    stage.tell("The small bot stops writing, and is backed up once more.")
    await service.courier.runs.back_up(trigger=Trigger.COMMAND, requested_by=Actor.COMMAND_LINE)
    await service.courier.pins.refresh()


async def _lose_the_machine(stage: Terminal, settings: Settings, live: list[Path], folder: Path) -> list[Finding]:
    """Destroy databases, archives, catalogue and settings; get the databases back with nothing but the token."""
    stage.tell("The machine is lost: databases, archives, catalogue, settings. All that is left is the chat.")
    expected = await asyncio.to_thread(contents_of, live)
    return await destroy_and_recover(
        stage.api,
        token=settings.bot_token.get_secret_value(),
        admin=stage.ann.id,
        lost=[live[0].parent, settings.backup_dir, folder / ".env"],
        expected=expected,
        new_machine=folder / "new-machine",
    )


class Terminal:
    """Three admins with their phones, and the terminal that shows what each phone shows."""

    def __init__(self, api: StandIn, timezone: ZoneInfo) -> None:
        self.api = api
        self.timezone = timezone
        *started, cleo = ADMINS
        self.ann, self.ben = (api.add_user(admin, ADMINS[admin]) for admin in started)
        self.cleo = api.add_user(cleo, ADMINS[cleo], started=False)
        self._seen = 0
        self._shown = asyncio.Condition()

    def tell(self, line: str) -> None:
        """Say what happens next."""
        out.print(f"\n[bold cyan]▶ {escape(line)}[/]")

    async def until(self, person: Person, matches: Callable[[Message], bool]) -> Message:
        """Wait until that phone shows such a message, and the terminal has shown it. Raises `TimeoutError`."""
        message = await person.wait_for(matches, within=PATIENCE)
        async with self._shown:
            await self._shown.wait_for(lambda: self._seen >= message.revision)
        return message

    async def show(self) -> None:
        """Print each phone's new and edited messages, the newest version of each, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await self.api.until(lambda: bool(self._unseen()), within=PATIENCE)
            for person, message in self._unseen():
                self._print(person, message)
                async with self._shown:
                    self._seen = max(self._seen, message.revision)
                    self._shown.notify_all()

    def _unseen(self) -> list[tuple[Person, Message]]:
        found = [
            (person, message)
            for person in (self.ann, self.ben, self.cleo)
            for message in person.messages
            if message.revision > self._seen
        ]
        return sorted(found, key=lambda pair: pair[1].revision)

    def _print(self, person: Person, message: Message) -> None:
        if message.sender_id == person.id:
            out.print(f"  [dim]{person.account.first_name} sends[/] {escape(message.text)}")
            return
        body = "📌 pinned" if message.pins else escape(message.text)
        if message.file is not None:
            body = f"📎 [bold]{escape(message.file.name)}[/] · {message.file.size:,} bytes\n{body}"
        if message.buttons:
            rows = (" ".join(f"[reverse] {escape(button.text)} [/]" for button in row) for row in message.buttons)
            body += "\n\n" + "\n".join(rows)
        title = f"📱 {person.account.first_name}" + (" (edited)" if message.edit_date else "")
        title += " 🔕" if message.silent else ""
        out.print(Panel(body, title=title, title_align="left", width=min(out.width, 92)))


async def _play(stage: Terminal, clock: Clock) -> list[Finding]:
    """The scenes, in order; returns what was found at the end."""
    api, ann, ben, cleo = stage.api, stage.ann, stage.ben, stage.cleo
    stage.tell(
        "Three admins: Ann, Ben, and Cleo, who has never pressed Start. Telegram will flood-limit Ben once. "
        f"The demo's clock says {clock().astimezone(stage.timezone):%H:%M:%S}; the hourly run is seconds away."
    )
    api.refuse(flood(1), "sendDocument", chat_id=ben.id)
    scheduled = await stage.until(ann, _is_archive)
    await stage.until(ben, _is_archive)

    stage.tell("Ann opens the dashboard and asks for the status.")
    await ann.send("/admin")
    menu = await stage.until(ann, lambda message: "Database Backup" in " ".join(message.button_texts))
    await (await ann.press("Database Backup", message=menu)).answered(within=PATIENCE)
    menu = await stage.until(ann, lambda message: "Backup Status" in " ".join(message.button_texts))
    await (await ann.press("Backup Status", message=menu)).answered(within=PATIENCE)
    await stage.until(ann, lambda message: message.text.startswith("📊 Backup Status"))

    stage.tell("Ann presses Manual Backup.")
    await ann.send("/admin")
    menu = await stage.until(ann, lambda message: "Database Backup" in " ".join(message.button_texts))
    await ann.press("Database Backup", message=menu)
    menu = await stage.until(ann, lambda message: "Manual Backup" in " ".join(message.button_texts))
    await ann.press("Manual Backup", message=menu)
    manual = await stage.until(ann, lambda message: _is_archive(message) and _name(message) != _name(scheduled))
    await stage.until(ben, lambda message: _name(message) == _name(manual))
    await stage.until(ann, lambda message: "Delivered to" in message.text and message.document is None)

    stage.tell("Cleo comes in at last and presses Start: the newest backup is hers at once.")
    await cleo.start()
    newest = await stage.until(cleo, _is_archive)

    stage.tell("The file on Cleo's phone is checked against the databases.")
    found = [
        Finding("the scheduled backup reached Ann and Ben", _has(ann, scheduled) and _has(ben, scheduled)),
        Finding("the manual backup reached Ann and Ben", _has(ann, manual) and _has(ben, manual)),
        Finding("Cleo got the newest backup when she pressed Start", _name(newest) == _name(manual)),
        Finding("each archive was uploaded once, whoever received it", _uploads(api) == 2),
        Finding("every call was a valid call of the Bot API", not api.violations, "; ".join(api.violations)),
    ]
    if newest.document is not None:
        found += await check_delivered(newest.document.path)
    return found


def _name(message: Message) -> str:
    return message.document.name if message.document else ""


def _is_archive(message: Message) -> bool:
    """Not the pinned list of restore points, which is a document too."""
    return _name(message).startswith("database_backup_")


def _has(person: Person, delivered: Message) -> bool:
    return any(_name(message) == _name(delivered) for message in person.messages)


def _uploads(api: StandIn) -> int:
    """How often an archive's bytes were sent; the pinned list of restore points is another document."""
    uploads = [call for call in api.calls_of("sendDocument", ok=True) if call.uploaded_bytes]
    return sum(not str(call.params.get("caption", "")).startswith("📌") for call in uploads)


def _print_findings(findings: Sequence[Finding]) -> bool:
    out.print()
    for finding in findings:
        mark = "[green]✓[/]" if finding.held else "[red]✗[/]"
        detail = f" [dim]({escape(finding.detail)})[/]" if finding.detail else ""
        out.print(f"{mark} {escape(finding.what)}{detail}")
    good = all(finding.held for finding in findings)
    out.print("\n[bold green]Everything held.[/]" if good else "\n[bold red]Not everything held.[/]")
    return good


async def _go_on(stage: Terminal, settings: Settings) -> None:
    """Keep serving until Ctrl-C."""
    stage.tell(f"The service goes on; its archives are in {settings.backup_dir} until Ctrl-C ends the demo.")
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
