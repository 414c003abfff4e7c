"""Deliveries: a real aiogram Bot against the stand-in over HTTP, and a real catalogue on disk."""
