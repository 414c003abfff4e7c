"""The stages of a backup and the one door to them; nothing here knows a handler or a command line."""
