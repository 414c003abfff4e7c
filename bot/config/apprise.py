"""Validates apprise addresses, without importing apprise where it is absent."""

import importlib.util
import logging
from collections.abc import Iterable


def has_apprise() -> bool:
    """Tell whether the extra is installed, without importing it (0.2 s)."""
    return importlib.util.find_spec("apprise") is not None


def unusable(urls: Iterable[str]) -> tuple[int, ...]:
    """Return the positions, from 1, of the addresses that apprise can't use; () where it is not installed."""
    if not has_apprise():
        return ()
    from apprise import Apprise  # noqa: PLC0415 - 0.2 s, and optional

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its complaints repeat the address
    return tuple(position for position, url in enumerate(urls, 1) if not _is_usable(Apprise, url))


def _is_usable(apprise: type, url: str) -> bool:
    try:
        return apprise().add(url) is True
    except Exception:  # a plugin that stumbles over an address can't use it
        return False
