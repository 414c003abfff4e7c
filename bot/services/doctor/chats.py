"""Examines Telegram and whoever receives: the token, who polls, the clock, every admin and place."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.models import Examined, OutcomeCode, Reachability, Reason, Recipient, TokenReport
from bot.services.alarms.signals import TOLERANCE
from bot.services.contracts.destination import ArchiveDestination, Outcome
from bot.services.delivery.router import Router
from bot.services.doctor.parts import good, look, wrong
from bot.services.people.people import People
from bot.words.outcomes import reason_words

_STARTS = (OutcomeCode.NOT_STARTED, OutcomeCode.BLOCKED, OutcomeCode.NO_SUCH_CHAT)
"""What a press on Start mends."""

_WITHIN = 15.0
"""Seconds that one recipient may take to answer."""


def token(report: TokenReport) -> Examined:
    """Say whose token it is, or why Telegram names no bot."""
    account = report.account
    if account is None:
        return wrong("token", "Token", report.fault, report.mend)
    return good("token", "Token", f"@{account.username} ({account.name}), accepted by Telegram")


def poller(report: TokenReport, *, receives: bool, listened: bool, trouble: str) -> Examined:
    """Say who gets what people send to this bot; `trouble` is what the service itself has met with."""
    if not receives:
        return good("poller", "Poller", "RECEIVE is off: the buttons of this bot are answered by another server")
    if trouble:
        return wrong("poller", "Poller", trouble)
    if report.account is None:
        return look("poller", "Poller", "not asked: see the token")
    if report.fault:
        return (wrong if report.rival else look)("poller", "Poller", report.fault, report.mend)
    return good("poller", "Poller", "nobody polls with this token" if listened else "the service polls with this token")


def clock(ahead: timedelta | None) -> Examined:
    """Compare this machine's clock with Telegram's; it is ahead by so much, None where Telegram did not answer."""
    if ahead is None:
        return look("clock", "Clock", "could not be compared: Telegram did not answer")
    seconds = round(abs(ahead).total_seconds())
    if abs(ahead) > TOLERANCE:
        way = "fast" if ahead > timedelta() else "slow"
        said = f"is {seconds // 60:,} minutes {way} by Telegram's: backups get wrong names and come at wrong times"
        return wrong("clock", "Clock", said, "Turn on time synchronisation: timedatectl set-ntp true.")
    return good("clock", "Clock", f"within {max(seconds, 1)} s of Telegram's")


async def recipients(people: People, username: str, destinations: Router[ArchiveDestination]) -> tuple[Examined, ...]:
    """Ask each admin's chat and each place, side by side, whether it takes messages now; nothing is sent.

    `username` is the bot's.
    """
    if not people.everybody:
        return (wrong("recipient", "Recipients", "there are none: ADMIN_IDS is not set", "Put your own number there."),)
    found = await asyncio.gather(*(_probe(one, destinations) for one in people.everybody))
    return tuple(_recipient(seen, "Admin" if seen.recipient in people.admins else "Place", username) for seen in found)


async def _probe(recipient: Recipient, destinations: Router[ArchiveDestination]) -> Reachability:
    try:
        async with asyncio.timeout(_WITHIN):
            return await destinations.of(recipient).probe(recipient)
    except TimeoutError:
        trouble = Reason(OutcomeCode.SILENT_FOR, (("seconds", round(_WITHIN)),))
    except Outcome as outcome:
        trouble = outcome.reason
    return Reachability(recipient=recipient, name="", trouble=trouble)


def _recipient(seen: Reachability, what: str, username: str) -> Examined:
    about = f"{what} {seen.name} ({seen.recipient.address})" if seen.name else f"{what} {seen.recipient.address}"
    if seen.trouble:
        start = f"Send them https://t.me/{username}?start=admin, to press Start there."
        mend = start if seen.recipient.is_private and seen.trouble.code in _STARTS else ""  # others say it themselves
        return wrong("recipient", about, reason_words(seen.trouble), mend)
    return good("recipient", about, reason_words(seen.unchecked) or "takes messages")
