"""Says as JSON what the page shows: the messages of a phone, and the state of the server and its troubles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from bot.clock import clock_time, zone_name
from bot.demo.phones import Person
from bot.demo.stand_in.pickers import shown_keyboard
from bot.demo.stand_in.state import Button, Json, Message
from bot.demo.web.live import LiveDatabase
from bot.demo.web.scene import Scene
from bot.texts.measures import day_name, human_size


def phone_json(scene: Scene, person: Person, shown: Mapping[int, int]) -> Json:
    """Return what has changed on a phone since it showed these messages, revisions by id; nothing if only the frame."""
    messages = {message.id: message for message in person.messages}
    pinned = person.newest_pinned()
    return {
        "id": person.id,
        "name": person.account.first_name,
        "messages": [
            _message_json(message, person, scene.settings.timezone)
            for message in messages.values()
            if shown.get(message.id) != message.revision
        ],
        "gone": [known for known in shown if known not in messages],
        "frame": {
            "standing": scene.api.standing(person),
            "online": not scene.api.down,
            "commands": person.commands(),
            "keyboard": _keyboard(scene, person),
            "pinned": {"id": pinned.id, "text": _brief(pinned)} if pinned else None,
        },
    }


def scene_json(scene: Scene) -> Json:
    """Return what the panel beside the phones shows."""
    now = scene.clock()
    local = now.astimezone(scene.settings.timezone)
    return {
        "time": f"{local:%H:%M:%S}",
        "day": f"{day_name(local.date())}, {zone_name(scene.settings.timezone)}",
        "state": scene.state,
        "databases": [
            {"name": database.name, "rows": database.rows, "size": human_size(database.bytes)}
            for database in scene.databases
        ],
        "canLose": scene.can_return,
        "down": scene.api.down,
        "limitedFor": scene.api.limited_for,
        "command": scene.command,
        "recovery": scene.recovery,
        "recovered": scene.recovered,
        "back": {"rows": _rows(scene.came_back), "before": _rows(scene.at_loss)} if scene.came_back else None,
    }


def _rows(databases: Iterable[LiveDatabase]) -> int:
    return sum(database.rows or 0 for database in databases)


def _message_json(message: Message, person: Person, timezone: ZoneInfo) -> Json:
    file = message.file
    replied = person.conversation()
    return {
        "id": message.id,
        "revision": message.revision,
        "mine": message.sender_id == person.id,
        "text": message.text or ("(shared from a list)" if message.extra else ""),
        "entities": list(message.entities),
        "at": clock_time(datetime.fromtimestamp(message.date, UTC), timezone),
        "edited": message.edit_date is not None,
        "silent": message.silent,
        "file": file and {"name": file.name, "size": human_size(file.size), "id": file.unique_id, "photo": file.photo},
        "buttons": [[_button_json(button) for button in row] for row in message.buttons],
        "pins": message.pins and {"id": message.pins.id, "text": _brief(message.pins)},
        "reply": next(({"id": each.id, "text": _brief(each)} for each in replied if each.id == message.reply_to), None),
    }


def _button_json(button: Button) -> Json:
    return {
        "text": button.text,
        "data": button.callback_data,
        "url": button.url,
        "style": button.style,
        "copies": button.copies,
    }


def _brief(message: Message) -> str:
    """A message in a line, as a pin or a reply shows it."""
    return message.text.split("\n")[0] or (message.file.name if message.file else "")


def _keyboard(scene: Scene, person: Person) -> list[list[Json]]:
    """The phone's own keyboard, row by row; what a button lets choose from, if anything."""
    rows = shown_keyboard(scene.api.chat_of(person))
    lists = {"request_users": "people", "request_chat": "groups"}
    return [
        [{"text": key["text"], "picks": next((lists[name] for name in lists if name in key), "")} for key in row]
        for row in rows
    ]
