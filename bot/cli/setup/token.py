"""Asks for the bot's token and for the way to Telegram, until Telegram names the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bot.app.telegram import build_bot
from bot.cli import output
from bot.cli.setup.answers import Draft, SetupAnswers
from bot.cli.setup.asking import Asker, Line
from bot.cli.setup.links import show_link
from bot.config import telegram
from bot.errors import SettingsError, TelegramError
from bot.models import TokenReport

if TYPE_CHECKING:
    from aiogram import Bot

TOKEN_FILE = "bot-token"  # noqa: S105 - its name
_BOTFATHER = "https://t.me/BotFather"
_AGAIN, _PROXY, _OTHER = "again", "proxy", "other"


async def take_token(draft: Draft, answers: SetupAnswers, ask: Asker, *, listen: float) -> None:
    """Settle token and proxy in the draft, and whose token it is.

    `listen` is how long another poller is looked for (seconds). Raises `SettingsError` or `TelegramError` where nobody
    can be asked for a better answer.
    """
    if answers.proxy:
        _set_proxy(draft, answers.proxy)
    token, path = await _first_token(draft, answers, ask)
    while True:
        report = await _report(draft, token, listen)
        if report.account is not None and (not report.fault or await _goes_on(report, answers, ask, draft, token)):
            break
        if not ask.terminal or report.account is not None:
            otherwise = "" if ask.terminal or report.account is None else " --take-over uses it all the same."
            raise TelegramError(report.fault, hint=f"{report.mend}{otherwise}")
        output.warn(f"{report.fault} {report.mend}")
        if report.refused:
            token, path = await _typed(ask), None
        else:
            token, path = await _another_way(draft, ask, token, path)
    draft.account, draft.token = report.account, token
    output.tell(f"✓ This is {report.account.name}, @{report.account.username}.")
    if token != draft.settings.bot_token.get_secret_value() or path is not None:
        _keep(draft, token, path)


@asynccontextmanager
async def bot_of(draft: Draft, token: str = "") -> AsyncIterator[Bot]:
    """Be the bot of the draft, by the way that it has settled."""
    ways = {"bot_token": SecretStr(token or draft.token), "proxy": SecretStr(draft.given("PROXY"))}
    bot = build_bot(draft.settings.model_copy(update=ways))
    try:
        yield bot
    finally:
        await bot.session.close()


async def _first_token(draft: Draft, answers: SetupAnswers, ask: Asker) -> tuple[str, Path | None]:
    """Return the token that was given or stands in .env, else the one that is typed; and its file, if it has one."""
    if answers.token_file is not None:
        return read_token_file(answers.token_file), answers.token_file
    if kept := draft.settings.bot_token.get_secret_value():
        return kept, None
    ask.require("What is the token of your bot", "--token-file FILE")
    show_link(_BOTFATHER, "Write /newbot to @BotFather in Telegram: it asks for two names, and gives you a token.")
    return await _typed(ask), None


async def _typed(ask: Asker) -> str:
    token = await ask.secret("The token of your bot:", flag="--token-file FILE", check=_slip_in)
    telegram.hide_token(token)
    return token


def read_token_file(path: Path) -> str:
    """Return the token in a file. Raises `SettingsError`."""
    try:
        text = path.read_text(encoding="utf-8-sig").strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise SettingsError((f"--token-file {path} can't be read: {reason}.",)) from None
    telegram.hide_token(text)
    if fault := _fault_of(text):
        raise SettingsError((f"{path}: {fault}",))
    return text


def _slip_in(text: str) -> str:
    """Say in one line below the question what is wrong with a token that was typed."""
    return "That is no bot's token: digits, a colon, then 35 signs." if _fault_of(text) else ""


def _fault_of(text: str) -> str:
    try:
        telegram.bot_token(text)
    except ValueError as error:
        return f"That {error}"
    return ""


async def _report(draft: Draft, token: str, listen: float) -> TokenReport:
    from bot.services.telegram.probe import TokenProbe  # noqa: PLC0415 - imports aiogram

    async with bot_of(draft, token) as bot:
        return await TokenProbe(bot).report(listen=listen)


async def _goes_on(report: TokenReport, answers: SetupAnswers, ask: Asker, draft: Draft, token: str) -> bool:
    """Whether a bot that somebody else listens to is used all the same; its webhook is then deleted."""
    agreed = answers.take_over
    if agreed or ask.terminal:  # else it is the error that ends setup
        output.warn(f"{report.fault} {report.mend}")
    if agreed is None and ask.terminal:
        question = "Delete the webhook, and use this bot all the same?" if report.webhook else "Use it all the same?"
        agreed = await ask.confirm(question, flag="--take-over", default=False)
    if agreed and report.webhook:
        async with bot_of(draft, token) as bot:
            await bot.delete_webhook()
    return bool(agreed)


async def _another_way(draft: Draft, ask: Asker, token: str, path: Path | None) -> tuple[str, Path | None]:
    """Nobody answers: try again, by a proxy, or with another token."""
    lines = [
        Line(title="Try again", value=_AGAIN),
        Line(title="Go through a proxy", value=_PROXY),
        Line(title="Type another token", value=_OTHER),
    ]
    match await ask.choose("What now?", lines, flag="--proxy URL"):
        case "proxy":
            question = "The proxy (socks5://user:password@host:port or http://host:port):"
            _set_proxy(draft, await ask.text(question, flag="--proxy URL", check=_fault_of_proxy))
        case "other":
            return await _typed(ask), None
    return token, path


def _set_proxy(draft: Draft, url: str) -> None:
    if fault := _fault_of_proxy(url):
        raise SettingsError((fault,), hint="Give --proxy in that form.")
    draft.values |= {"PROXY": url, "PROXY_FILE": None}


def _fault_of_proxy(url: str) -> str:
    from bot.journal.redaction import redact  # noqa: PLC0415

    try:
        telegram.proxy_url(url)
    except ValueError as error:
        return f"PROXY {error}"
    redact.add_proxy(url)
    return ""


def _keep(draft: Draft, token: str, path: Path | None) -> None:
    """Put the token into a file of its own; one that was given stays where it is."""
    if path is None:
        path = _token_path(draft, token)
        draft.files[path] = f"{token}\n"
    draft.values |= {"BOT_TOKEN": None, "BOT_TOKEN_FILE": str(path.absolute())}


def _token_path(draft: Draft, token: str) -> Path:
    """Return where the token goes; in a folder with several services, the file of another bot is left alone."""
    path = draft.env_file.parent / TOKEN_FILE
    bot_id = token.partition(":")[0]
    try:
        others = not path.read_text(encoding="utf-8").startswith(f"{bot_id}:")
    except FileNotFoundError:
        others = False
    except (OSError, ValueError):
        others = True
    return path.with_name(f"{TOKEN_FILE}-{bot_id}") if others else path
