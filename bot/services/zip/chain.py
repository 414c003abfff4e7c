"""Reads an archive in order, every byte checked against those before, so that a wrong continuation shows.

Reads a ZIP from its first byte to its last (PKWARE APPNOTE 6.3.10) without ever seeking: local header, data,
descriptor, and so on to the end record, each compared with what the ones before have told.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import Any

from bot.services.zip.records import CENTRAL, END, LOCAL

_PIECE = 1 << 19
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _DESCRIPTOR = 1, 1 << 3
_FULL = 0xFFFFFFFF
_LOCAL, _CENTRAL, _DATA_DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08"
_END, _END64, _LOCATOR64 = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_MAX_END64 = 1 << 16


class ChainError(Exception):
    """These bytes do not continue those before them."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A member as its local header and its data tell."""

    name: bytes
    flags: int
    method: int
    crc32: int
    compressed: int
    plain: int


class SequentialZip:
    """Takes an archive piece by piece; raises `ChainError` soon after the first byte that can't be right."""

    def __init__(self) -> None:
        self._buffer = b""
        self._step = self._record
        self._inflater = zlib.decompressobj(-15)
        self._claimed = self._known = _Member(b"", 0, 0, 0, 0, 0)  # of the member under way
        self._members: tuple[_Member, ...] = ()
        self._listed = 0
        self._comment = 0
        self.complete = False

    def copy(self) -> SequentialZip:
        """Return a chain that stands where this one does, and goes on by itself."""
        twin = SequentialZip()
        twin.__dict__.update(self.__dict__)
        twin._step = getattr(twin, self._step.__name__)
        twin._inflater = self._inflater.copy()
        return twin

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises `ChainError`."""
        self._buffer += data
        before: object = None
        while before != (before := (len(self._buffer), self._step)):  # a step that lacks bytes changes nothing
            self._step()

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _whole(self, layout: struct.Struct, lengths: slice) -> tuple[Any, ...]:
        """Return the fields of the record that begins here, () until all of it is there, names and extras too."""
        fields = layout.unpack_from(self._buffer) if len(self._buffer) >= layout.size else ()
        return fields if fields and len(self._buffer) >= layout.size + sum(fields[lengths]) else ()

    def _record(self) -> None:
        """A local header, or the first record of the directory."""
        if self._buffer.startswith(_CENTRAL) and self._members:
            self._step = self._directory
            return
        if len(self._buffer) >= 4 and not self._buffer.startswith(_LOCAL):
            raise ChainError
        if not (fields := self._whole(LOCAL, slice(9, 11))):
            return
        _, _, flags, method, _, _, crc32, compressed, plain, name, extra = fields
        if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED) or (method == _STORED and flags & _DESCRIPTOR):
            raise ChainError
        header = self._take(LOCAL.size + name + extra)[LOCAL.size :]
        if _FULL in (compressed, plain):
            plain, compressed = _wide_sizes(header[name:], plain, compressed)
        self._claimed = _Member(header[:name], flags, method, crc32, compressed, plain)
        self._known = replace(self._claimed, crc32=0, compressed=0, plain=0)
        self._inflater = zlib.decompressobj(-15)
        self._step = self._inflate if method == _DEFLATED else self._copy_stored

    def _inflate(self) -> None:
        given = self._buffer
        try:
            plain = self._inflater.decompress(given, _PIECE)
        except zlib.error as error:
            raise ChainError from error
        self._buffer = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        self._advance(len(given) - len(self._buffer), plain, ended=self._inflater.eof)

    def _copy_stored(self) -> None:
        left = self._claimed.compressed - self._known.compressed
        plain = self._take(min(len(self._buffer), left))
        self._advance(len(plain), plain, ended=len(plain) == left)

    def _advance(self, compressed: int, plain: bytes, *, ended: bool) -> None:
        known = self._known = replace(
            self._known,
            crc32=zlib.crc32(plain, self._known.crc32),
            compressed=self._known.compressed + compressed,
            plain=self._known.plain + len(plain),
        )
        if not ended:
            return
        if not known.flags & _DESCRIPTOR and known != self._claimed:
            raise ChainError
        self._members = (*self._members, known)
        self._step = self._descriptor if known.flags & _DESCRIPTOR else self._record

    def _descriptor(self) -> None:
        """4.3.9: with or without its signature, with sizes of 4 or 8 bytes; only one reading can match."""
        if len(self._buffer) < 24:  # what follows, the directory and its end, is longer
            return
        values = (self._known.crc32, self._known.compressed, self._known.plain)
        for layout in ("<3L", "<L2Q") if max(values) <= _FULL else ("<L2Q",):
            record = struct.pack(layout, *values)
            for whole in (_DATA_DESCRIPTOR + record, record):
                if self._buffer.startswith(whole) and self._buffer[len(whole) : len(whole) + 2] in (b"PK", b"P", b""):
                    self._take(len(whole))
                    self._step = self._record
                    return
        raise ChainError

    def _directory(self) -> None:
        if not self._buffer.startswith(_CENTRAL):
            self._finish()
            return
        if self._listed == len(self._members):
            raise ChainError
        if not (fields := self._whole(CENTRAL, slice(10, 13))):
            return
        name, extra, comment = fields[10:13]
        record = self._take(CENTRAL.size + name + extra + comment)[CENTRAL.size :]
        known = self._members[self._listed]
        if (record[:name], fields[3], fields[4], fields[7]) != (known.name, known.flags, known.method, known.crc32):
            raise ChainError
        if fields[8] not in (known.compressed, _FULL) or fields[9] not in (known.plain, _FULL):
            raise ChainError
        self._listed += 1

    def _finish(self) -> None:
        """4.3.14 to 4.3.16: what closes the archive."""
        if len(self._buffer) < 4:
            return
        if self._listed != len(self._members) or not self._buffer.startswith((_END, _END64, _LOCATOR64)):
            raise ChainError
        if len(self._buffer) < END.size:
            return
        if self._buffer.startswith(_END64):
            (size,) = struct.unpack_from("<Q", self._buffer, 4)
            if size >= _MAX_END64:
                raise ChainError
            self._skip(12 + size)
        elif self._buffer.startswith(_LOCATOR64):
            self._skip(20)
        else:
            _, _, _, _, count, _, _, self._comment = END.unpack(self._take(END.size))
            if count not in (len(self._members), 0xFFFF):
                raise ChainError
            self._step = self._behind

    def _skip(self, count: int) -> None:
        if len(self._buffer) >= count:
            self._take(count)

    def _behind(self) -> None:
        if len(self._buffer) > self._comment:
            raise ChainError
        self.complete = len(self._buffer) == self._comment


def _wide_sizes(extra: bytes, plain: int, compressed: int) -> tuple[int, int]:
    """4.5.3: the sizes that do not fit into four bytes."""
    while len(extra) >= 4:
        tag, size = struct.unpack("<2H", extra[:4])
        if tag == 1 and size >= 16 and len(extra) >= 20:
            wide_plain, wide_compressed = struct.unpack("<2Q", extra[4:20])
            return (wide_plain if plain == _FULL else plain, wide_compressed if compressed == _FULL else compressed)
        extra = extra[4 + size :]
    raise ChainError


def archive_bytes_told_by(tail: bytes) -> int | None:
    """Return the size of the whole archive as the end record in its last bytes tells, None where there is none."""
    at = tail.rfind(_END)
    while at >= 0:
        record = tail[at : at + 22]
        if len(record) == 22:
            size, offset, comment = struct.unpack("<2LH", record[12:])
            if at + 22 + comment == len(tail):
                wide = tail.rfind(_END64, 0, at)
                if _FULL in (size, offset) and wide >= 0 and len(tail) >= wide + 56:
                    size, offset = struct.unpack("<2Q", tail[wide + 40 : wide + 56])
                closing = len(tail) - (wide if wide >= 0 and tail[at - 20 : at - 16] == _LOCATOR64 else at)
                return int(offset + size + closing)
        at = tail.rfind(_END, 0, at)
    return None
