"""Lets admins, groups and topics in by one-time links, or by the numbers that were given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cli import output
from bot.cli.setup.answers import WAIT, Draft, SetupAnswers
from bot.cli.setup.asking import Asker
from bot.cli.setup.links import show_link
from bot.cli.setup.token import bot_of
from bot.config import telegram
from bot.config.values import split_items
from bot.errors import InstanceError, NotFoundError, SettingsError, TelegramError
from bot.models import BotIdentity, Recipient
from bot.services.catalogue import stored_names, stored_override
from bot.services.contracts.destination import Notice, Outcome
from bot.services.people.choices import ADMINS, PLACES
from bot.services.people.lists import Lists
from bot.texts import setup as texts

if TYPE_CHECKING:
    from aiogram import Bot


async def take_people(draft: Draft, answers: SetupAnswers, ask: Asker, *, served: bool) -> None:
    """Add and remove admins and places as it was answered; without any admin, wait for the first one.

    While the service is `served`, it is the one that hears who arrives. Raises `SettingsError` for a number that is
    none, or for an end without an admin; `InstanceError`, `TelegramError` where nobody can be waited for.
    """
    wanted = list(answers.admins) or ([] if draft.given("ADMIN_IDS") else [WAIT])
    for admin in wanted:
        if admin == WAIT:
            if not answers.admins and not ask.terminal:
                ask.require("Who is the admin", "--admin wait (then open the link that is shown) or --admin NUMBER")
            await _invite(draft, ask, group=False, served=served)
        else:
            add_admin(draft, _number(admin))
    for place in answers.places:
        if place == WAIT:
            await _invite(draft, ask, group=True, served=served)
        else:
            add_place(draft, _address(place))
    for number in answers.remove_admins:
        remove_admin(draft, number)
    for place in answers.remove_places:
        remove_place(draft, place)
    if wanted != [WAIT] or answers.places:  # whoever came by the one link was named
        output.tell(f"✓ {who_is_there(draft)}")


def who_is_there(draft: Draft) -> str:
    """Return who the admins are and where backups go, in sentences; what was chosen in the chat counts."""
    folder, own = draft.settings.backup_dir, tuple(admins_of(draft))
    places = telegram.recipients(draft.given("DELIVER_TO")) or tuple(Recipient(chat_id=one) for one in own)
    chosen = {name: stored_override(folder, name) for name in (ADMINS, PLACES)}
    people = Lists(
        draft.settings.model_copy(update={"admin_ids": own, "deliver_to": places}),
        {name: override for name, override in chosen.items() if override is not None},
    )
    names = stored_names(folder) | draft.names
    admins = ", ".join(
        f"{names.get(one) or one.address}{'' if one.chat_id in own else ' (added in the chat)'}"
        for one in people.admins
    )
    called = (f"{names[one]} ({one.address})" if names.get(one) else one.address for one in people.chats)
    to = "the admins" if people.chats == people.admins else ", ".join(called)
    return f"Admins: {admins}. Backups go to: {to}."


def add_admin(draft: Draft, number: int) -> None:
    """Let somebody use the bot; where DELIVER_TO says who receives, they receive too."""
    _add(draft, "ADMIN_IDS", str(number))
    if draft.given("DELIVER_TO"):
        _add(draft, "DELIVER_TO", str(number))


def add_place(draft: Draft, address: str) -> None:
    """Let a group or topic receive, beside those who do already: without DELIVER_TO, the admins."""
    if not draft.given("DELIVER_TO"):
        draft.values["DELIVER_TO"] = draft.given("ADMIN_IDS")
    _add(draft, "DELIVER_TO", address)


def remove_admin(draft: Draft, number: int) -> None:
    """Raises `NotFoundError` for who is none, `SettingsError` for the last one."""
    left = [item for item in split_items(draft.given("ADMIN_IDS")) if item != str(number)]
    if len(left) == len(split_items(draft.given("ADMIN_IDS"))):
        raise NotFoundError(
            f"{number} is no admin: ADMIN_IDS is {draft.given('ADMIN_IDS')}.",
            hint="Who was added in the chat is removed there: ⚙️ Settings → Admins.",
        )
    if not left:
        raise SettingsError((f"{number} is the last admin: nobody could use the bot. Add another one first.",))
    draft.values["ADMIN_IDS"] = ",".join(left)
    _drop_place(draft, str(number))


def remove_place(draft: Draft, address: str) -> None:
    """Raises `NotFoundError` for one that receives nothing by DELIVER_TO."""
    if not _drop_place(draft, address):
        raise NotFoundError(f"{address} is not in DELIVER_TO, which is {draft.given('DELIVER_TO') or 'not set'}.")


def _drop_place(draft: Draft, address: str) -> bool:
    places = split_items(draft.given("DELIVER_TO"))
    left = [item for item in places if item != address]
    if len(left) == len(places):
        return False
    draft.values["DELIVER_TO"] = ",".join(left) or None  # then the admins receive
    return True


def _add(draft: Draft, name: str, item: str) -> None:
    items = split_items(draft.given(name))
    if item not in items:
        draft.values[name] = ",".join((*items, item))


def _number(text: str) -> int:
    try:
        (number,) = telegram.admin_ids(text)
    except ValueError as error:
        raise SettingsError((f"--admin {text} {error}".replace("\n", " "),), hint="Or write --admin wait.") from None
    return number


def _address(text: str) -> str:
    try:
        (place,) = telegram.recipients(text)
    except ValueError as error:
        raise SettingsError((f"--place {text} {error}",), hint="Or write --place wait.") from None
    return str(place.address)


async def _invite(draft: Draft, ask: Asker, *, group: bool, served: bool) -> None:
    """Show a one-time link, and take who comes by it."""
    if not draft.settings.receive:
        raise InstanceError(
            "RECEIVE is off: the server that receives for this bot is the one that hears who arrives.",
            hint="Give numbers: --admin NUMBER, --place -100…",
        )
    if served:
        raise InstanceError(
            "The service is running, and it is the one that hears who arrives.",
            hint="Stop it until setup has ended, give numbers instead, or use ⚙️ Settings in the chat.",
        )
    from bot.services.telegram.arrivals import CODE_SECONDS, Arrivals, Invitation  # noqa: PLC0415 - imports aiogram

    bot_account = _account(draft)
    minutes = f"{CODE_SECONDS / 60:.0f} minutes"
    async with bot_of(draft) as bot:
        arrivals = Arrivals(bot)
        while True:
            invitation = Invitation(bot_account.username, group=group)
            show_link(invitation.link, _what(group=group, minutes=minutes))
            if group:
                output.tell("For one topic of a group that the bot is in, send this line in that topic:")
                output.say(f"  /start@{bot_account.username} {invitation.code}")
            output.tell("Waiting …")
            arrival = await arrivals.wait_for(invitation)
            if arrival is not None:
                break
            sentence = f"Nobody came by the link in {minutes}; it is dead now."
            if not ask.terminal:
                raise TelegramError(sentence, hint="Begin again, and open the link on your phone.")
            output.warn(sentence)
            if not await ask.confirm("Show a new one?", flag="--admin NUMBER", default=True):
                raise TelegramError(sentence)
        text = texts.place_arrived(bot_account) if group else texts.admin_arrived(bot_account)
        await _greet(bot, arrival.recipient, text)
    draft.names[arrival.recipient] = arrival.name
    if group:
        output.tell(f"✓ “{arrival.name}” receives the backups ({arrival.recipient.address}).")
        add_place(draft, str(arrival.recipient.address))
    else:
        output.tell(f"✓ {arrival.name} is an admin.")
        add_admin(draft, arrival.recipient.chat_id)


def _what(*, group: bool, minutes: str) -> str:
    if group:
        return f"Open this on your phone and choose the group (the link works once, for {minutes}):"
    return f"Open this on your phone and press Start: you are the admin then (the link works once, for {minutes})."


async def _greet(bot: Bot, recipient: Recipient, html: str) -> None:
    from bot.services.telegram.notices import TelegramNotices  # noqa: PLC0415

    try:
        await TelegramNotices(bot).send(recipient, Notice(html=html))
    except Outcome as outcome:
        output.warn(f"The bot can't write there yet: {outcome.sentence}.")


def _account(draft: Draft) -> BotIdentity:
    assert draft.account is not None  # noqa: S101 - the token comes first
    return draft.account


def admins_of(draft: Draft) -> list[int]:
    """Return the numbers of the admins as they will be."""
    return [int(item) for item in split_items(draft.given("ADMIN_IDS"))]
