"""Asks Telegram about a token: whose it is, and whether anything keeps its bot from serving here."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiogram.exceptions import TelegramConflictError

from bot.models import BotIdentity, OutcomeCode, TokenReport
from bot.services.contracts.destination import Outcome, Refused
from bot.services.telegram.requests import ANSWER_SECONDS, TelegramRequests

LISTEN = 4.0
"""Seconds in which another poller, cut off by ours, has come back: programs wait 1 to 3 s before they ask again."""

_REFUSED_MEND = "Copy the token again from @BotFather (/mybots, API Token); a revoked token never works again."
_UNREACHED_MEND = "Check the network of this machine; where Telegram is blocked, set PROXY."
_PROXY_MEND = "Check PROXY: its address, the user and the password."
_RIVAL = "Another program polls Telegram as @{username}: only one of the two gets each message and each press."
_RIVAL_MEND = "Stop the other program, or make a bot of its own for the backups: /newbot at @BotFather."
_WEBHOOK = "The messages of @{username} go to a webhook at {host}: they do not come here."
_WEBHOOK_MEND = (
    "If another program answers there, make a bot of its own for the backups: /newbot at @BotFather. If not, go on: the"
    " service deletes the webhook when it starts."
)


class TokenProbe(TelegramRequests):
    """Asks as one bot, and changes nothing: no update is confirmed, no webhook deleted."""

    async def report(self, *, listen: float = 0) -> TokenReport:
        """Name the bot and what keeps it from serving, in at most a minute and `listen` seconds; raises nothing.

        Only with `listen` another poller is looked for: it loses its connection once, and comes back. While the service
        of this bot runs it is that poller, so leave it out.
        """
        try:
            me = await self._ask(self._bot.get_me(request_timeout=ANSWER_SECONDS))
        except Refused as outcome:
            return TokenReport(fault=_whole(outcome), mend=_REFUSED_MEND, refused=True)
        except Outcome as outcome:
            mend = _PROXY_MEND if outcome.code is OutcomeCode.PROXY else _UNREACHED_MEND
            return TokenReport(fault=_whole(outcome), mend=mend)
        account = BotIdentity(id=me.id, name=me.full_name, username=me.username or "")
        try:
            webhook = (await self._ask(self._bot.get_webhook_info(request_timeout=ANSWER_SECONDS))).url
            if webhook:
                host = urlsplit(webhook).hostname or "an address of its own"  # its path is often a secret
                fault = _WEBHOOK.format(username=account.username, host=host)
                return TokenReport(account=account, fault=fault, mend=_WEBHOOK_MEND, webhook=host)
            if listen and await self._is_polled(listen):
                fault = _RIVAL.format(username=account.username)
                return TokenReport(account=account, fault=fault, mend=_RIVAL_MEND, rival=True)
        except Outcome as outcome:
            return TokenReport(account=account, fault=_whole(outcome), mend=_UNREACHED_MEND)
        return TokenReport(account=account)

    async def _is_polled(self, seconds: float) -> bool:
        """Tell whether somebody else polls: of two, Telegram answers the older one with a conflict.

        An update that waits here is left waiting. It ends the look, and tells by itself: a poller would have taken it.
        """
        try:
            await self._bot.get_updates(
                limit=1, timeout=round(seconds), request_timeout=round(seconds) + ANSWER_SECONDS
            )
        except TelegramConflictError:
            return True
        except Exception as error:  # as in `_ask`
            outcome = self._read(error, None, None)
        else:
            return False
        raise outcome


def _whole(outcome: Outcome) -> str:
    return f"{outcome.sentence[:1].upper()}{outcome.sentence[1:]}."
