"""The command line; a file per command in `commands`."""
