"""The buttons that forget: databases which DATABASES names no more, and archives that are gone from the disk."""

from __future__ import annotations

import hashlib
from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.handlers.drawing.keyboards import Row, button
from bot.models import Status
from bot.texts.status import forget_words


class Forget(CallbackData, prefix="forget"):
    """Forget exactly the databases of which this is the key; where there are others by now, nothing happens."""

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


class LetGo(CallbackData, prefix="lost"):
    """Miss exactly the archives of which this is the key no longer."""

    key: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]


def gone_ids(status: Status) -> tuple[str, ...]:
    """Return the backups whose archives are gone from the disk, as far as nobody has said that this is fine."""
    return tuple(str(one.backup_id) for one in status.lost if one.gone)


def retired_names(status: Status) -> tuple[str, ...]:
    """Return the databases that backups hold and DATABASES names no more."""
    return tuple(database.name for database in status.databases if database.retired)


def key_of(names: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(sorted(names)).encode()).hexdigest()[:12]


def forget_row(status: Status) -> Row | None:
    """Return the button; None where there is nothing to forget."""
    names = retired_names(status)
    return [button(forget_words(names), Forget(key=key_of(names)))] if names else None
