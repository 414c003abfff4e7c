"""One file per command, each imported when its command is called."""
