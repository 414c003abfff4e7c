"""Mailboxes as a destination."""
