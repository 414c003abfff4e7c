"""Delivers to Telegram, and knows what is particular about its API."""
