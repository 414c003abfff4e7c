"""A Bot API server on loopback."""

import bot.services.telegram  # noqa: F401 - it imports aiogram the light way, before any module of this room does
