"""Simulates groups, supergroups and forums: their members, the bots' rights, their topics."""

from bot.demo.stand_in.state import BotAccount, Chat, Message, Standing, State, Topic, open_topic
from bot.demo.stand_in.updates import announce_standing, queue_update
from bot.demo.stand_in.wire import chat_json


class Group:
    """A chat of several people; its acts are those of its owner."""

    def __init__(self, state: State, chat: Chat, owner_id: int) -> None:
        self._state = state
        self.chat = chat
        self._owner_id = owner_id

    @property
    def id(self) -> int:
        """The chat id: negative, -100… for a supergroup."""
        return self.chat.id

    @property
    def messages(self) -> list[Message]:
        """What is in the group now, oldest first."""
        return list(self.chat.messages.values())

    def messages_in(self, thread: int | None) -> list[Message]:
        """What is in one topic; None is General."""
        return [message for message in self.messages if message.thread_id == thread]

    def add_topic(self, name: str) -> Topic:
        """Open a topic of a forum; its `id` is the message_thread_id. Raises ValueError outside a forum."""
        if not self.chat.is_forum:
            raise ValueError("only a forum has topics")
        return open_topic(self.chat, name)

    def add_bot(self, bot: BotAccount, status: str = "member") -> None:
        """Let the bot in as member or administrator."""
        self._set_status(bot, status)

    def kick_bot(self, bot: BotAccount) -> None:
        """Throw the bot out."""
        self._set_status(bot, "kicked")

    def upgrade(self, new_id: int | None = None) -> "Group":
        """Turn the group into a supergroup: from now on only the new id works, and the old one says so.

        Gives the supergroup, with the same people and bots. Raises ValueError for a supergroup.
        """
        if self.chat.type != "group":
            raise ValueError("the chat is a supergroup already")
        new = Chat(new_id or -(10**12) + self.chat.id, "supergroup", self.chat.title)
        new.members = dict(self.chat.members)
        new.standings = {bot: Standing(was.status) for bot, was in self.chat.standings.items()}
        self._state.groups[new.id] = new
        self.chat.migrated_to = new.id
        service = {"date": int(self._state.clock.now()), "from": self._state.account(self._owner_id).as_json()}
        for bot in self._state.bots.values():
            if self.chat.standing(bot.id).status in ("member", "administrator"):
                old_side = {"message_id": self.chat.next_id, "chat": chat_json(self.chat), "migrate_to_chat_id": new.id}
                new_side = {"message_id": new.next_id, "chat": chat_json(new), "migrate_from_chat_id": self.chat.id}
                queue_update(self._state, bot, "message", service | old_side)
                queue_update(self._state, bot, "message", service | new_side)
        self.chat.next_id += 1
        new.next_id += 1
        return Group(self._state, new, self._owner_id)

    def _set_status(self, bot: BotAccount, status: str) -> None:
        standing = self.chat.standing(bot.id)
        old, standing.status = standing.status, status
        if old != status:
            announce_standing(self._state, bot, self.chat, by=self._owner_id, old=old, new=status)
        self._state.changes.ring()
