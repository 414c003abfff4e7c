"""SQLite Courier: proven hourly backups of live SQLite databases, delivered to Telegram."""

__version__ = "0.2.0"
