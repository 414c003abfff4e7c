"""Creates private, complete and durable files; keeps the folder of archives and its locks."""
