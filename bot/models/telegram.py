"""What Telegram says of the bot that a token belongs to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BotIdentity:
    """A bot as `getMe` names it; `username` stands in its links, without an @."""

    id: int
    name: str
    username: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenReport:
    """What became of asking Telegram about a token.

    `account` is None where Telegram names no bot: the token is wrong, or nobody answers. `fault` says what keeps this
    bot from serving, `mend` what to do about it: a sentence each, both empty where all is well. `refused` is a token
    that Telegram does not accept, `webhook` the host that this bot's messages go to, `rival` that another program
    polls.
    """

    account: BotIdentity | None = None
    fault: str = ""
    mend: str = ""
    refused: bool = False
    webhook: str = ""
    rival: bool = False
