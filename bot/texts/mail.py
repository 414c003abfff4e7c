"""Mails: subjects, bodies in plain text, and where to find an archive that is too large to attach."""

from __future__ import annotations

from collections.abc import Sequence

from bot.models import Volume
from bot.texts.markup import plain
from bot.texts.measures import human_size

_SUBJECT = 120


class MailWords:
    """The sentences of the mails; `places` are the other recipients' addresses, `folder` that of the archives."""

    def __init__(self, *, host: str, folder: str, places: Sequence[str]) -> None:
        self._host, self._folder, self._places = host, folder, tuple(places)

    def subject(self, volume: Volume) -> str:
        """Return the subject of the mail that carries a volume."""
        part = f", volume {volume.number} of {volume.total}" if volume.total > 1 else ""
        return f"Backup of {self._host}: {volume.archive.name}{part}"

    def notice_subject(self, html: str) -> str:
        """Return the subject of a notice: its first line."""
        first = next((line for line in plain(html).splitlines() if line.strip()), "A message")
        return f"{self._host}: {first.strip()}"[:_SUBJECT]

    def told_subject(self, volume: Volume) -> str:
        """Return the subject of the mail that only says where an archive lies."""
        return f"Backup of {self._host}: {volume.archive.name} (not attached)"

    def body(self, caption: str) -> str:
        """Return a caption or a notice as plain text."""
        return plain(caption) + "\n"

    def whereabouts(self, caption: str, volume: Volume, *, largest: int, mails: int) -> str:
        """Return the text that goes in the place of an archive that is too large."""
        size = human_size(volume.archive.stat().st_size) if volume.archive.is_file() else "more"
        lines = [
            plain(caption),
            "",
            f"The archive is not attached: it has {size}, and at most {mails} mails of {human_size(largest)} are sent.",
            f"It lies in {self._folder} on {self._host}.",
        ]
        if self._places:
            lines.append(f"It is also delivered to: {', '.join(self._places)}.")
        return "\n".join(lines) + "\n"
