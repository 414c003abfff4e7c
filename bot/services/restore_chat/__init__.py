"""Restores asked for in the chat: choose, plan, confirm, run."""
