"""What people do with their phones in tests beside what the demo shows: albums, forwards, pictures, timers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot.demo import phones
from bot.demo.phones import PhonePress, Where
from bot.demo.stand_in.state import Chat, Message

__all__ = ["Person", "PhonePress"]


class Person(phones.Person):
    """Somebody with a phone who does more with it."""

    def _number(self) -> str:
        return str(self._state.number() + 10**15)

    async def send_in(self, group: Chat, thread: int, text: str) -> Message:
        """Write into a topic of a group."""
        topic = {"message_thread_id": thread, "is_topic_message": True}
        return await self.send(text, to=group, extra=topic)

    async def send_photo(self) -> Message:
        """Send a picture as a photo, which is no document."""
        size = {"file_id": self._number(), "file_unique_id": self._number(), "width": 10, "height": 10}
        return await self.send("", extra={"photo": [size]})

    async def send_sticker(self) -> Message:
        shown = {"type": "regular", "is_animated": False, "is_video": False, "width": 512, "height": 512}
        return await self.send(
            "", extra={"sticker": {"file_id": self._number(), "file_unique_id": self._number(), **shown}}
        )

    async def send_album(self, paths: Iterable[Path | str], *, caption: str = "") -> list[Message]:
        """Send files as one album: the bot gets one update per file, all with one media_group_id."""
        album = {"media_group_id": self._number()}
        sent: list[Message] = []
        for path in paths:
            sent.append(await self.send_document(path, caption=caption if not sent else "", extra=album))
        return sent

    async def forward(self, *messages: Message, to: Where = None) -> list[Message]:
        """Forward messages, several at once as people do; those of one album stay an album.

        Raises PermissionError for a protected message: phones offer no such button.
        """
        chat = self._chat(to, writing=True)
        albums = {message.extra["media_group_id"] for message in messages if "media_group_id" in message.extra}
        renamed = {album: {"media_group_id": self._number()} for album in albums}
        sent = []
        for message in messages:
            if message.protected:
                raise PermissionError("the message is protected")
            fields: dict[str, Any] = {
                "text": message.text,
                "html": message.html,
                "file": message.file,
                "entities": message.entities,
                "extra": renamed.get(message.extra.get("media_group_id"), {}),
            }
            sent.append(self._post(chat, **fields, forwarded_from=message.forwarded_from or message))
        return sent

    def copy(self, button: str, *, message: Message | None = None, where: Where = None) -> str:
        """Press a button that copies, found as by `press`, and return what is on the clipboard then.

        Raises LookupError naming the buttons that are there. The bot hears nothing of it.
        """
        shown = [message] if message is not None else self.conversation(where)[::-1]
        buttons = [each for candidate in shown for row in candidate.buttons for each in row]
        for each in buttons:
            if each.copies is not None and button in each.text:
                return each.copies
        raise LookupError(f"no button {button!r} that copies; there are {[each.text for each in buttons]}")

    async def delete(self, message: Message) -> None:
        """Delete a message on both sides; bots hear nothing of it."""
        self._state.delete_message(message)

    async def set_timer(self, seconds: int, *, where: Where = None) -> Message:
        """Let a chat delete its messages after so long (0: no more); a service message tells the bots."""
        chat = self._chat(where)
        chat.auto_delete = seconds
        changed = {"message_auto_delete_timer_changed": {"message_auto_delete_time": seconds}}
        return self._post(chat, text="", html="", extra=changed)
