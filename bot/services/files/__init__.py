"""Files that are private, whole and durable; the folder of archives and its lock."""
