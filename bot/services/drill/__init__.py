"""Runs test-restores of what Telegram, the stores and the disk hold."""
