"""Restore points: the document, the pinned message, volumes fetched back, recovery from the chat alone."""
