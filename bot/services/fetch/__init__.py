"""Fetches archives back from a chat, a store or the disk."""
