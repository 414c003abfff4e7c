"""Delivers to mailboxes."""
