"""Telegram as a destination: the one room that knows its manners."""
