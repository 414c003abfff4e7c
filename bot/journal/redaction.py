"""Takes secrets out of every text that leaves the process: logs, messages, tracebacks.

A text is redacted as a whole, at the door it leaves by, so that no caller has to remember it.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

HIDDEN = "[hidden]"

# The form of a Bot API token. It also stands in the addresses of downloads: …/file/bot<token>/….
_TOKEN = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}")

# A secret key of age, wherever it was pasted.
_SECRET_KEY = re.compile(r"AGE-SECRET-KEY-1[A-Z0-9]{20,}", re.IGNORECASE)

# Anything shorter would be found in half the words of a log.
_SHORTEST = 6


class Redaction:
    """Replaces known secrets, and whatever looks like a bot token or a secret key, in a text."""

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()

    def add(self, secret: str) -> None:
        """Hide `secret` from now on, also percent-encoded as URLs hold it. Under 6 characters it is not hidden."""
        forms = {form for form in (secret, quote(secret, safe=""), unquote(secret)) if len(form) >= _SHORTEST}
        # The longest first: a secret that holds another one must not leave its other half standing.
        self._secrets = tuple(sorted(forms.union(self._secrets), key=len, reverse=True))

    def add_proxy(self, url: str) -> None:
        """Hide the user and the password of a proxy's URL, whatever their length when they stand together."""
        # Not urlsplit: a URL that is malformed holds a password all the same.
        userinfo, at, _ = url.partition("://")[2].rpartition("@")
        if at:
            self.add(f"{userinfo}@")
            self.add(userinfo.partition(":")[2])

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _SECRET_KEY.sub(HIDDEN, _TOKEN.sub(HIDDEN, text))


redact = Redaction()
