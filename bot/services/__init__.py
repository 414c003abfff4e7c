"""The stages of a backup, a room for each; nothing here knows a handler or a command line."""
