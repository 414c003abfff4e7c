"""Parses request bodies: parameters into a dictionary, files straight onto the disk, chunk by chunk."""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from aiohttp import BodyPartReader, MultipartReader, web

from bot.demo.stand_in.refusals import RefusalError

CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of the request, already on the disk."""

    path: Path
    name: str
    size: int
    mime_type: str


@dataclass(slots=True)
class Body:
    """A request's parameters as text (or as JSON values) and its files by field name."""

    fields: dict[str, Any] = field(default_factory=dict)
    uploads: dict[str, UploadedFile] = field(default_factory=dict)
    uploaded_bytes: int = 0

    def discard(self) -> None:
        """Delete the files nobody took over."""
        for upload in self.uploads.values():
            upload.path.unlink(missing_ok=True)


OnBody = Callable[[Body], Awaitable[None]]


async def read_body(request: web.Request, body: Body, folder: Path, *, limit: int, progress: OnBody) -> None:
    """Fill `body`; at most one chunk of a file is in memory at a time.

    `progress` is awaited after every chunk and may raise to stop reading. A file longer than `limit` bytes is read to
    its end and dropped, then RefusalError 413 is raised: the client is still sending when the server has had enough,
    and would otherwise see a broken connection instead of the answer.
    """
    for name, value in request.query.items():
        body.fields[name] = value
    if request.content_type == "application/json":
        body.fields.update(await request.json())
    elif request.content_type.startswith("multipart/"):
        await _read_parts(await request.multipart(), body, folder, limit, progress)
    else:
        body.fields.update({name: str(value) for name, value in (await request.post()).items()})


async def _read_parts(parts: MultipartReader, body: Body, folder: Path, limit: int, progress: OnBody) -> None:
    too_large = False
    while (part := await parts.next()) is not None:
        if not isinstance(part, BodyPartReader) or part.name is None:
            continue
        if part.filename is None:
            body.fields[part.name] = await part.text()
            continue
        path = folder / uuid.uuid4().hex
        with _create(path) as file:
            size = 0
            body.uploads[part.name] = UploadedFile(path, part.filename, 0, "")
            while chunk := await part.read_chunk(CHUNK):
                size += len(chunk)
                body.uploaded_bytes += len(chunk)
                if size <= limit:
                    file.write(chunk)
                await progress(body)
        mime_type = part.headers.get("Content-Type", "application/octet-stream")
        body.uploads[part.name] = UploadedFile(path, part.filename, size, mime_type)
        too_large = too_large or size > limit
    if too_large:
        raise RefusalError(413, "Request Entity Too Large")


def _create(path: Path) -> IO[bytes]:
    return path.open("xb")
