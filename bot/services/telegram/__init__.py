"""Delivers to Telegram, and knows what is particular about its API."""

from bot.services.telegram.light_import import import_aiogram

import_aiogram()
