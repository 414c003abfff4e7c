"""Draws screens, follows work in a message, and asks questions."""
