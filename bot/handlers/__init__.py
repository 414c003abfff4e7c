"""The Telegram face: read a press, call the manager, draw a screen."""
