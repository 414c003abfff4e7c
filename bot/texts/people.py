"""The settings Admins and Where backups go: the lists, the questions, and what people are told of a change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bot.models import Override, Recipient, RecipientStatus
from bot.texts.markup import FittedList, by_name, compose, name, text
from bot.texts.measures import age
from bot.words.outcomes import reason_words

CHOOSE_PERSON = "👤 Choose a person"
CHOOSE_GROUP = "👥 Choose a group"
CANCEL = "✖️ Cancel"

# Answers to presses: plain text, at most 200 long.
REMOVED = "Removed, from now on."
RESET = "Done: .env is followed again."
GONE = "That has changed meanwhile: look again."
ADDED = "Added."

_MOST = 12


def admins(statuses: Sequence[RecipientStatus], you: int, *, chosen: Override | None, now: datetime) -> str:
    """Return who may use the bot, and who of them has yet to press Start."""

    def line(one: RecipientStatus) -> str:
        called = f"{_called(one)}{' · you' if one.recipient.chat_id == you else ''}"
        if one.invited:
            return f"⏳ {called}: has yet to press Start"
        return f"{f'🚫 {called}: {text(reason_words(one.parked_reason), 100)}' if one.parked_reason else f'• {called}'}"

    return compose(
        "👮 <b>Admins</b>",
        FittedList(tuple(map(line, statuses)), _MOST),
        "",
        "They see the menu and all alarms, and can restore. Nobody else gets an answer.",
        _chosen(chosen, now),
    )


def places(
    statuses: Sequence[RecipientStatus], elsewhere: Sequence[Recipient], chosen: Override | None, now: datetime
) -> str:
    """Return where backups go: chats that can be changed here, and what only `.env` names."""

    def line(one: RecipientStatus) -> str:
        icon = "👤" if one.recipient.is_private else "👥"
        trouble = f": 🚫 {text(reason_words(one.parked_reason), 100)}" if one.parked_reason else ""
        return f"{icon} {_called(one)}{trouble}"

    return compose(
        "📬 <b>Where backups go</b>",
        FittedList(tuple(map(line, statuses)), _MOST),
        FittedList(tuple(f"🗄 {name(one.address, 60)} (only in <code>.env</code>)" for one in elsewhere), 4),
        "",
        _chosen(chosen, now),
    )


def ask_person() -> str:
    """Return what stands over the button of Telegram's own list of people."""
    return "👤 <b>Who is to be an admin?</b>\nPress the button below the text field; I wait five minutes."


def ask_group() -> str:
    """Return what stands over the button of Telegram's own list of groups."""
    return (
        "👥 <b>To which group are backups to go?</b>\n"
        "Add me to the group first; then press the button below the text field. I wait five minutes."
    )


def group_chosen(called: str) -> str:
    """Return what puts the picker away where one more thing is asked."""
    return f"👥 {text(called, 60)} has topics."


def ask_topic(called: str) -> str:
    """Return the question into what of a group with topics backups go."""
    return (
        f"🧵 <b>Where in {text(called, 60)}?</b>\nFor a topic of its own, named after this server, I have to be an"
        " administrator there who may manage topics."
    )


def ask_removal(one: RecipientStatus, *, admin: bool, receives: bool = False) -> str:
    """Return the question before somebody, or a chat, is taken out; an admin's chat `receives` all the same."""
    if admin:
        after = "they get no answer any more" + ("" if receives else ", and no alarms")
        still = "Backups and alarms still go to their chat, until you take it out of “Where backups go” too."
        stays = still if receives else "What was sent to their chat stays there."
        return f"🗑 <b>Remove {_called(one)} from the admins?</b>\nFrom that moment on {after}. {stays}"
    return f"🗑 <b>Send no more backups to {_called(one)}?</b>\nWhat was sent there stays there."


def ask_reset(setting: str) -> str:
    """Return the question before `.env` holds again."""
    return f"↩️ <b>Follow {setting} of <code>.env</code> again?</b>\nWhat was added and removed here is forgotten."


def cancelled() -> str:
    """Return the answer to a question that was called off, or came too late."""
    return "Nothing has changed."


def too_late() -> str:
    """Return the answer to a choice that nobody waited for any more."""
    return "⌛ I no longer waited for your choice, and nothing has changed. Please ask again."


def admin_added(one: Recipient, called: str, *, reached: bool) -> str:
    """Return what the one who added an admin reads."""
    said = f"✅ {_named(one, called)} is an admin now."
    return said if reached else f"{said}\nThey have to press Start once: forward the next message to them."


def already(one: Recipient, called: str) -> str:
    """Return the answer where nothing had to be done."""
    return f"{_named(one, called)} is on the list already."


def invitation(username: str, inviter: str) -> str:
    """Return a message that is to be forwarded to who was added."""
    return compose(
        f"📨 {text(inviter, 40)} made you an admin of the backup bot.",
        f"Open https://t.me/{username}?start=admin and press Start.",
        "Then the backups come to you, and /admin is the menu.",
    )


def invitation_again(username: str) -> str:
    """Return a message that is to be forwarded to who has to press Start."""
    return f"📨 The backup bot has backups for you.\nOpen https://t.me/{username}?start=admin and press Start."


def you_are_admin(inviter: str) -> str:
    """Return what a new admin is told who has pressed Start before."""
    return f"👋 {text(inviter, 40)} made you an admin of this bot. /admin opens the menu."


def place_added(one: Recipient, called: str, *, reached: bool) -> str:
    """Return what the one who added a place reads."""
    said = f"✅ Backups go to {_named(one, called)} from now on."
    return said if reached else f"{said}\n🚫 So far I can't write there: see the list."


def backups_come_here(actor: str) -> str:
    """Return what is said in a chat that was added."""
    return f"📬 {by_name(actor)} lets backups come here from now on."


def told_of_admin(actor: str, one: Recipient, called: str, *, added: bool) -> str:
    """Return what the other admins are told."""
    what = "made {} an admin" if added else "removed {} from the admins"
    return f"👮 <b>{by_name(actor)} {what.format(_named(one, called))}</b>"


def told_of_place(actor: str, one: Recipient, called: str, *, added: bool) -> str:
    """Return what the other admins are told."""
    where = _named(one, called)
    what = f"lets backups go to {where} too" if added else f"lets no more backups go to {where}"
    return f"📬 <b>{by_name(actor)} {what}</b>"


def told_of_reset(actor: str, setting: str) -> str:
    """Return what the other admins are told."""
    return f"↩️ <b>{by_name(actor)} lets {setting} of <code>.env</code> be followed again</b>"


def no_admin_any_more() -> str:
    """Return what is left on the screen of an admin who removed themselves."""
    return "You are no admin any more, and get no answer from now on."


def _called(one: RecipientStatus) -> str:
    return _named(one.recipient, one.name)


def _named(one: Recipient, called: str) -> str:
    return f"<b>{name(called, 30)}</b> ({one.address})" if called else f"<b>{one.address}</b>"


def _chosen(chosen: Override | None, now: datetime) -> str | None:
    if chosen is None:
        return "As <code>.env</code> says."
    return f"Changed here by {by_name(chosen.set_by)} {age(chosen.set_at, now)}; the rest is from <code>.env</code>."
