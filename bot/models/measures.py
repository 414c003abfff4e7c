"""Sizes and numbers in words, the same in archives, alarms, chats and the command line."""

_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")


def human_size(size: float | None) -> str:
    """Return bytes in the unit that keeps the figure short, of 1024 as Telegram's own apps count: `3.2 MB`."""
    if size is None:
        return "unknown size"
    value, unit = max(0.0, float(size)), 0
    while value >= 1023.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.1f} {_UNITS[unit]}" if unit and value < 9.95 else f"{value:.0f} {_UNITS[unit]}"


def count(number: int, noun: str) -> str:
    """Return `1 database`, `5 databases`, `1,200 backups`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
