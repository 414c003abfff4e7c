"""Simulates people with their phones: what they see, type and press."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bot.demo.stand_in.chats import scope_key
from bot.demo.stand_in.content import copy_in
from bot.demo.stand_in.entities import find_commands
from bot.demo.stand_in.pickers import find_button, share_chat, share_people, shown_keyboard
from bot.demo.stand_in.state import Account, Alert, BotAccount, Button, CallbackQuery, Chat, Json, Message, State
from bot.demo.stand_in.updates import announce_message, announce_standing, queue_update
from bot.demo.stand_in.wire import chat_json, message_json

Where = BotAccount | Chat | str | None
"""A conversation: a bot, its token, a group's chat, or None for the first bot."""

ANSWERABLE_SECONDS = 60
"""How long a press can be answered; the official server names no figure."""


@dataclass(eq=False, slots=True)
class PhonePress:
    """A pressed button, and the answer it gets."""

    query: CallbackQuery
    state: State

    @property
    def answer(self) -> Alert | None:
        """What the bot answered, if it did."""
        return self.query.answers[0] if self.query.answers else None

    async def answered(self, *, within: float = 5) -> Alert:
        """Wait for the answer; an answer without text is one too. Raises TimeoutError."""
        if not await self.state.changes.until(lambda: bool(self.query.answers), within=within):
            raise TimeoutError("the press was not answered")
        return self.query.answers[0]


class Person:
    """Somebody with a phone; every act reaches the bots as an update, just as on the real server."""

    def __init__(self, state: State, account: Account) -> None:
        self._state = state
        self.account = account
        self._acted_at = 0
        self._presses: list[CallbackQuery] = []

    @property
    def id(self) -> int:
        """The user id, which is the id of the private chat too."""
        return self.account.id

    @property
    def messages(self) -> list[Message]:
        """The private conversation with the first bot, oldest first, as the phone shows it now."""
        return self.conversation()

    @property
    def last(self) -> Message:
        """The newest message from the first bot, lines about pins aside. Raises IndexError when there is none."""
        return [message for message in self.messages if message.sender_id != self.id and not message.pins][-1]

    @property
    def alerts(self) -> list[Alert]:
        """Every answer to this person's presses, oldest press first."""
        return [answer for query in self._presses for answer in query.answers]

    def conversation(self, where: Where = None) -> list[Message]:
        """The messages of one conversation, oldest first."""
        return list(self._chat(where).messages.values())

    def newest_pinned(self, where: Where = None) -> Message | None:
        """What is pinned at the top of the conversation."""
        return self._chat(where).newest_pinned()

    def commands(self) -> list[tuple[str, str]]:
        """The menu of the private chat: commands and their descriptions, from the narrowest scope that has any."""
        account = self._bot(None)
        scopes: list[Json] = [{"type": "chat", "chat_id": self.id}, {"type": "all_private_chats"}, {"type": "default"}]
        for scope in scopes:
            for language in (self.account.language, ""):
                if found := account.commands.get(scope_key(scope, language)):
                    return [(command["command"], command["description"]) for command in found]
        return []

    async def start(self, to: BotAccount | str | None = None) -> Message:
        """Press Start: unblocks the bot, and sends /start."""
        self._begin(self._bot(to))
        return await self.send("/start", to=to)

    async def send(
        self, text: str, *, to: Where = None, reply_to: Message | None = None, extra: Json | None = None
    ) -> Message:
        """Type a message; writing to a bot for the first time starts the conversation.

        `extra` is put into the Message object as it stands, as newer phones send what no model here knows.
        """
        chat = self._chat(to, writing=True)
        return self._post(chat, text=text, html=text, reply_to=reply_to, extra=extra or {})

    async def open_link(self, link: str, group: Chat | None = None) -> Message:
        """Follow a link t.me/<bot>?start=…, as a phone does; one with ?startgroup=… adds the bot to the `group`.

        Raises LookupError for a bot that is not there.
        """
        address = urlsplit(link)
        bot = next((one for one in self._state.bots.values() if one.username == address.path.strip("/")), None)
        if bot is None:
            raise LookupError(f"{link} leads to no bot")
        asked = dict(parse_qsl(address.query))
        if group is None:
            return await self.send(f"/start {asked['start']}", to=bot)
        standing = group.standing(bot.id)
        old, standing.status = standing.status, "member"
        if old != standing.status:
            announce_standing(self._state, bot, group, by=self.id, old=old, new=standing.status)
        return await self.send(f"/start@{bot.username} {asked['startgroup']}", to=group)

    async def send_document(
        self,
        path: Path | str,
        *,
        caption: str = "",
        name: str | None = None,
        to: Where = None,
        extra: Json | None = None,
    ) -> Message:
        """Send a file of any size from this machine; `name` is what the chat shows, `extra` as for `send`."""
        source = Path(path)
        file = await asyncio.to_thread(copy_in, self._state, source, name or source.name)
        chat = self._chat(to, writing=True)
        return self._post(chat, text=caption, html=caption, file=file, extra=extra or {})

    async def press(
        self, button: str, *, message: Message | None = None, where: Where = None, stale: bool = False
    ) -> PhonePress:
        """Press the button with that caption or callback data (whole or in part), on the newest message that has it.

        The part of the data is its beginning, up to a colon.

        With `message`, only there: on what it shows now, or with `stale` on what it showed in that version, although
        it may have been edited or deleted since. Raises LookupError naming the buttons that are there.
        """
        if message is None:
            shown = self.conversation(where)[::-1]
        else:
            shown = [message if stale else message.chat.messages.get(message.id, message)]
        for candidate in shown:
            if found := _find_button(candidate, button):
                return self.press_data(found.callback_data or "", candidate)
        there = [text for candidate in shown for text in candidate.button_texts]
        raise LookupError(f"no button {button!r}; there are {there}")

    def press_data(self, data: str, message: Message) -> PhonePress:
        """Send any callback data from a message, as a forged or outdated phone could."""
        state, chat = self._state, message.chat
        bot = state.bot_by_id(message.sender_id)
        expires = state.clock.now() + ANSWERABLE_SECONDS
        query = CallbackQuery(str(10**17 + state.number()), self.id, bot.id, expires)
        state.callbacks[query.id] = query
        self._presses.append(query)
        self._acted_at = state.revision
        current = chat.messages.get(message.id)
        gone: Json = {"chat": chat_json(chat), "message_id": message.id, "date": 0}
        content: Json = {
            "id": query.id,
            "from": self.account.as_json(),
            "chat_instance": str(chat.id),
            "message": message_json(state, bot, current) if current else gone,
            "data": data,
        }
        queue_update(state, bot, "callback_query", content)
        return PhonePress(query, state)

    @property
    def keyboard(self) -> list[list[str]]:
        """What stands below the text field in the place of the phone's own keyboard, in the chat with the first bot."""
        return [[button["text"] for button in row] for row in shown_keyboard(self._chat(None))]

    async def pick(self, button: str, *chosen: "Person | Chat") -> Message:
        """Press a button below the text field: choose people or a group in the list it opens, or send its words.

        Raises LookupError where there is no such button, or its list does not offer them.
        """
        chat = self._chat(None, writing=True)
        found = find_button(chat, button)
        people = [one.account for one in chosen if isinstance(one, Person)]
        groups = [one for one in chosen if isinstance(one, Chat)]
        if groups:
            extra = share_chat(found, groups[0], self._bot(None))
        elif people:
            extra = share_people(found, people)
        else:
            return await self.send(found["text"])
        return self._post(chat, text="", html="", extra=extra)

    async def wait_for(
        self, matches: Callable[[Message], bool], *, where: Where = None, within: float = 5, since: int | None = None
    ) -> Message:
        """The newest message from somebody else that matches, new or edited since this person last did something.

        Lines about pins are no messages here.

        `since` is a revision to count from instead (0: the whole conversation). Gives that version of the message.
        Raises TimeoutError that shows the conversation.
        """
        start = self._acted_at if since is None else since
        chat = self._chat(where)
        found: list[Message] = []

        def look() -> bool:
            others = [m for m in chat.messages.values() if m.sender_id != self.id and not m.pins]
            candidates = [m for m in others if m.revision > start]
            found[:] = [m for m in sorted(candidates, key=lambda m: m.revision) if matches(m)][-1:]
            return bool(found)

        if not await self._state.changes.until(look, within=within):
            raise TimeoutError(f"no such message came; the phone of {self.id} shows {self.conversation(where)[-5:]}")
        return found[0]

    def block_bot(self, bot: BotAccount | str | None = None) -> None:
        """Stop the bot: it learns so from my_chat_member, or from a 403."""
        self._set_status(self._bot(bot), "kicked")

    def unblock_bot(self, bot: BotAccount | str | None = None) -> None:
        """Let the bot write again without sending anything."""
        self._begin(self._bot(bot))

    def _begin(self, bot: BotAccount) -> None:
        self._set_status(bot, "member")

    def _set_status(self, bot: BotAccount, status: str) -> None:
        chat = self._state.private_chat(bot.id, self.id)
        standing = chat.standing(bot.id)
        # The first Start brings no my_chat_member; only coming back after a block does.
        told = standing.status != status and standing.status in ("member", "kicked")
        old, standing.status = standing.status, status
        if told:
            announce_standing(self._state, bot, chat, by=self.id, old=old, new=status)
        self._state.changes.ring()

    def _post(self, chat: Chat, *, reply_to: Message | None = None, **fields: Any) -> Message:
        fields.setdefault("entities", find_commands(str(fields["text"])))
        message = self._state.store_message(
            chat, sender_id=self.id, reply_to=reply_to.id if reply_to else None, **fields
        )
        self._acted_at = message.revision
        announce_message(self._state, message)
        return message

    def _bot(self, bot: BotAccount | str | None) -> BotAccount:
        if isinstance(bot, BotAccount):
            return bot
        return self._state.bots[bot] if bot else self._state.first_bot()

    def _chat(self, where: Where, *, writing: bool = False) -> Chat:
        if isinstance(where, Chat):
            return where
        bot = self._bot(where)
        if writing and self._state.private_chat(bot.id, self.id).standing(bot.id).status != "member":
            self._begin(bot)
        return self._state.private_chat(bot.id, self.id)


def _find_button(message: Message, wanted: str) -> Button | None:
    buttons = [button for row in message.buttons for button in row if button.callback_data is not None]
    for fits in (
        lambda button: wanted in (button.text, button.callback_data),
        lambda button: wanted in button.text or f"{button.callback_data}:".startswith(f"{wanted}:"),
    ):
        if found := next(filter(fits, buttons), None):
            return found
    return None
