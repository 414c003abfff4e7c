"""Holds the state of the stand-in's server: bots, people, groups, topics, messages and files."""

import asyncio
import itertools
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.demo.stand_in.entities import NEWEST, Entity
from bot.demo.waiting import Changes, Clock

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Bytes on the server's disk."""

    unique_id: str
    path: Path
    size: int
    name: str
    mime_type: str = "application/octet-stream"
    photo: bool = False
    """Shown as a picture in the chat, and no document."""

    async def read(self) -> bytes:
        """The stored bytes."""
        return await asyncio.to_thread(self.path.read_bytes)


@dataclass(frozen=True, slots=True)
class Button:
    """An inline button as a phone shows it."""

    text: str
    callback_data: str | None = None
    url: str | None = None
    style: str | None = None
    copies: str | None = None
    """What a press puts on the clipboard; the bot hears nothing of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One version of a message: an edit makes a new version with a higher `revision`."""

    chat: "Chat"
    id: int
    sender_id: int
    date: int
    revision: int
    text: str = ""
    """What the phone shows: the text, or the caption of a file, without markup."""
    html: str = ""
    """The markup as it was sent."""
    entities: tuple[Entity, ...] = ()
    file: StoredFile | None = None
    markup: Json | None = None
    thread_id: int | None = None
    reply_to: int | None = None
    silent: bool = False
    """True when sent with disable_notification."""
    protected: bool = False
    edit_date: int | None = None
    forwarded_from: "Message | None" = None
    pins: "Message | None" = None
    """What this line says was pinned; the line itself shows nothing else."""
    extra: Json = field(default_factory=dict, hash=False, compare=False)
    """Whatever else is in the Message object, as it stands: what the stand-in does not play, or newer clients send."""

    @property
    def buttons(self) -> list[list[Button]]:
        """The inline keyboard, row by row; empty without one."""
        rows = (self.markup or {}).get("inline_keyboard", [])
        return [[_button(button) for button in row] for row in rows]

    @property
    def button_texts(self) -> list[str]:
        """The captions of all inline buttons in reading order."""
        return [button.text for row in self.buttons for button in row]

    @property
    def document(self) -> StoredFile | None:
        """The file."""
        return self.file

    def __hash__(self) -> int:
        return hash((id(self.chat), self.id, self.revision))

    def __repr__(self) -> str:
        name = f", file={self.file.name!r}" if self.file else ""
        return f"Message(chat={self.chat.id}, id={self.id}, text={self.text!r}{name}, buttons={self.button_texts})"


@dataclass(eq=False, slots=True)
class Topic:
    """A forum topic."""

    id: int
    name: str
    closed: bool = False
    deleted: bool = False


@dataclass(eq=False, slots=True)
class Standing:
    """What one bot may do in one chat."""

    status: str = "member"
    """member, administrator, left, kicked; in private chats also unknown (never seen) and new (Start not pressed)."""


@dataclass(eq=False, slots=True)
class Chat:
    """A private conversation of one person with one bot, or a group."""

    id: int
    type: str
    title: str = ""
    username: str | None = None
    is_forum: bool = False
    messages: dict[int, Message] = field(default_factory=dict)
    pinned: set[int] = field(default_factory=set)
    topics: dict[int, Topic] = field(default_factory=dict)
    standings: dict[int, Standing] = field(default_factory=dict)
    members: dict[int, str] = field(default_factory=dict)
    """Status by user id: creator, administrator, member, left, kicked."""
    migrated_to: int | None = None
    auto_delete: int = 0
    """Seconds of the auto-delete timer. The stand-in tells of it and, unlike the server, deletes nothing."""
    next_id: int = 1

    def standing(self, bot_id: int) -> Standing:
        """That bot's standing here; a bot that nobody added has left."""
        return self.standings.setdefault(bot_id, Standing("left" if self.type != "private" else "new"))

    def newest_pinned(self) -> Message | None:
        """The most recently sent pinned message, which is what getChat shows."""
        return max((self.messages[i] for i in self.pinned if i in self.messages), key=lambda m: m.id, default=None)


@dataclass(eq=False, slots=True)
class Account:
    """A person or a bot."""

    id: int
    first_name: str
    username: str | None = None
    is_bot: bool = False
    language: str = "en"

    def as_json(self) -> Json:
        """The User object."""
        user: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        if self.username:
            user["username"] = self.username
        return user if self.is_bot else {**user, "language_code": self.language}


@dataclass(eq=False, slots=True)
class BotAccount(Account):
    """A bot with its queue of updates, its files and its commands."""

    token: str = field(default="", repr=False)
    updates: list[tuple[float, Json]] = field(default_factory=list)
    """Pending updates with the moment each came in."""
    next_update_id: int = 1
    poller: object | None = None
    webhook: str = ""
    """Where the updates go instead of to who polls; nothing is ever sent there."""
    allowed_updates: list[str] = field(default_factory=list)
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    """Commands by scope (as sorted JSON) and language."""
    files: dict[str, StoredFile] = field(default_factory=dict)
    short_description: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Alert:
    """What answerCallbackQuery showed to the person who pressed."""

    text: str
    show_alert: bool
    callback_query_id: str
    url: str | None = None


@dataclass(eq=False, slots=True)
class CallbackQuery:
    """A press that waits for its answer."""

    id: str
    user_id: int
    bot_id: int
    expires_at: float
    answers: list[Alert] = field(default_factory=list)


def open_topic(chat: Chat, name: str) -> Topic:
    """Open a topic; its number is the id of the service message that opened it."""
    topic = Topic(chat.next_id, name)
    chat.next_id += 1
    chat.topics[topic.id] = topic
    return topic


class State:
    """Everything the server knows; values of it are only replaced, then `changes` rings."""

    def __init__(self, storage: Path) -> None:
        self.storage = storage
        self.clock = Clock()
        self.changes = Changes()
        self.bots: dict[str, BotAccount] = {}
        self.people: dict[int, Account] = {}
        self.groups: dict[int, Chat] = {}
        self.private: dict[tuple[int, int], Chat] = {}
        self.callbacks: dict[str, CallbackQuery] = {}
        self.version = NEWEST
        """Of the Bot API. An older one refuses copy buttons (7.11) and times (9.5), and knows no colours (9.4)."""
        self.revision = 0
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """A number never given before."""
        return next(self._numbers)

    def first_bot(self) -> BotAccount:
        """Whom people mean when they name no bot. Raises LookupError as long as there is none."""
        for bot in self.bots.values():
            return bot
        raise LookupError("there is no bot yet: create_bot_token comes first")

    def bot_by_id(self, bot_id: int) -> BotAccount:
        """Raises LookupError for an id that is no bot's."""
        for bot in self.bots.values():
            if bot.id == bot_id:
                return bot
        raise LookupError(f"{bot_id} is neither a person nor a bot")

    def account(self, account_id: int) -> Account:
        """The person or the bot with that id."""
        return self.people.get(account_id) or self.bot_by_id(account_id)

    def private_chat(self, bot_id: int, user_id: int) -> Chat:
        """The conversation of that person with that bot, made when first needed."""
        if (bot_id, user_id) not in self.private:
            person = self.people[user_id]
            self.private[bot_id, user_id] = Chat(user_id, "private", person.first_name, person.username)
        return self.private[bot_id, user_id]

    def store_message(self, chat: Chat, **fields: Any) -> Message:
        """Add a message with the chat's next id; gives the first version of it."""
        self.revision += 1
        message = Message(chat=chat, id=chat.next_id, date=int(self.clock.now()), revision=self.revision, **fields)
        chat.next_id += 1
        chat.messages[message.id] = message
        self.changes.ring()
        return message

    def edit_message(self, message: Message, **fields: Any) -> Message:
        """Put a new version in the place of the newest one."""
        self.revision += 1
        edited = replace(message, revision=self.revision, edit_date=int(self.clock.now()), **fields)
        message.chat.messages[message.id] = edited
        self.changes.ring()
        return edited

    def delete_message(self, message: Message) -> None:
        """Take it off every phone."""
        message.chat.messages.pop(message.id, None)
        message.chat.pinned.discard(message.id)
        self.changes.ring()

    def file_id(self, bot: BotAccount, file: StoredFile) -> str:
        """This bot's id for the file; another bot's differs and is worthless here."""
        for file_id, known in bot.files.items():
            if known == file:
                return file_id
        file_id = "BQAC" + secrets.token_urlsafe(40)
        bot.files[file_id] = file
        return file_id


def _button(button: Json) -> Button:
    copies = button.get("copy_text", {}).get("text")
    return Button(button["text"], button.get("callback_data"), button.get("url"), button.get("style"), copies)
