"""The log files: written free of secrets, and read."""
