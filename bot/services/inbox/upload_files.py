"""Sorts the documents of an upload into those of one archive and those left out, each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bot.services.contracts.chats import PostedDocument
from bot.services.inbox.fetching import UploadFile
from bot.services.inbox.upload_view import LeftOutFile, LeftOutReason


@dataclass(slots=True)
class UploadFiles:
    """What was sent, in the order in which it came."""

    items: list[UploadFile] = field(default_factory=list)
    left_out: list[LeftOutFile] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(item.posted.bytes for item in self.items)

    @property
    def group(self) -> list[UploadFile]:
        """The items of the archive that was named last; those whose names mean none may belong to any."""
        newest = next((item.meant for item in reversed(self.items) if item.meant), "")
        return [item for item in self.items if item.meant in ("", newest)]

    @property
    def aside(self) -> tuple[LeftOutFile, ...]:
        """What is left out, and what waits because one archive is looked at at a time."""
        group = self.group
        return (
            *self.left_out,
            *(item.left_out(LeftOutReason.ONE_AT_A_TIME) for item in self.items if item not in group),
        )

    def holds(self, posted: PostedDocument) -> bool:
        """Tell whether a document is here already."""
        return any(item.posted.unique_id == posted.unique_id for item in self.items)

    def add(self, posted: PostedDocument, *, anew: bool) -> None:
        """Add a document; `anew`, it takes the place of the same volume, which was downloaded or sent before."""
        item = UploadFile(posted)
        if anew and item.number is not None:
            self.drop([other for other in self.items if (other.number, other.meant) == (item.number, item.meant)])
        self.items.append(item)

    def leave_out(self, posted: PostedDocument, why: LeftOutReason) -> None:
        """Note a document that is not fetched."""
        self.left_out.append(UploadFile(posted).left_out(why))

    def give_up(self, failed: Iterable[LeftOutFile]) -> None:
        """Note those that could not be fetched, and part with whatever was dropped meanwhile."""
        self.left_out += failed
        self.drop(())

    def keep_newest_whole(self) -> None:
        """Where an archive came in one piece, leave out everything but the last such one."""
        whole = [item for item in self.group if item.alone]
        others = [item for item in self.items if whole and item is not whole[-1]]
        self.left_out += [item.left_out(LeftOutReason.ONE_AT_A_TIME) for item in others]
        self.drop(others)

    def drop(self, items: Sequence[UploadFile]) -> None:
        """Let items go, also in the middle of their download."""
        for item in items:
            item.drop()
        self.items = [item for item in self.items if not item.dropped]
