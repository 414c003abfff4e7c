"""The demo and the Bot API stand-in it runs against, all on loopback."""
