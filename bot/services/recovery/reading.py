"""Reads a catalogue document out of a chat: bounded, into a private folder, trusted only after validation."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bot.models import StoredVolume
from bot.services.contracts.chats import Chats, PostedDocument
from bot.services.recovery.document import READABLE_BYTES, Document, DocumentError, read_document


async def read_posted(chats: Chats, posted: PostedDocument) -> Document:
    """Fetch a document from the chat and read it. Raises `DocumentError`, or an `Outcome` when it can't be fetched."""
    if not 0 < posted.bytes <= READABLE_BYTES:
        raise DocumentError(f"{posted.name} has {posted.bytes:,} bytes: no catalogue of restore points has.")
    folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="sqlite-courier-")
    try:
        file = Path(folder.name) / "document"
        await asyncio.to_thread(file.touch, 0o600)
        await chats.fetch(StoredVolume(file_id=posted.file_id, bytes=posted.bytes), file)
        content = await asyncio.to_thread(file.read_bytes)
    finally:
        await asyncio.to_thread(folder.cleanup)
    return await asyncio.to_thread(read_document, content, bot_id=chats.bot_id)
