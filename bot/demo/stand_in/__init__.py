"""A Bot API server on loopback."""
