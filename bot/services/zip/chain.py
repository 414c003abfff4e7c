"""Reads an archive in order, every byte checked against those before, so that a wrong continuation shows.

Reads a ZIP from its first byte to its last (PKWARE APPNOTE 6.3.10) without ever seeking: local header, data,
descriptor, and so on to the end record, each compared with what the ones before have told.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

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
        self._crc32 = self._compressed = self._plain = 0
        self._member: _Member | None = None
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
        while self._step():
            pass

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def _record(self) -> bool:
        """A local header, or the first record of the directory."""
        if len(self._buffer) < 4:
            return False
        if self._buffer.startswith(_CENTRAL) and self._members:
            self._step = self._directory
            return True
        if not self._buffer.startswith(_LOCAL):
            raise ChainError
        if len(self._buffer) < 30:
            return False
        _, flags, method, _, _, crc32, compressed, plain, name, extra = struct.unpack("<5H3L2H", self._buffer[4:30])
        if len(self._buffer) < 30 + name + extra:
            return False
        if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED) or (method == _STORED and flags & _DESCRIPTOR):
            raise ChainError
        header = self._take(30 + name + extra)
        if _FULL in (compressed, plain):
            plain, compressed = _wide_sizes(header[30 + name :], plain, compressed)
        self._member = _Member(header[30 : 30 + name], flags, method, crc32, compressed, plain)
        self._inflater = zlib.decompressobj(-15)
        self._crc32 = self._compressed = self._plain = 0
        self._step = self._inflate if method == _DEFLATED else self._copy_stored
        return True

    def _inflate(self) -> bool:
        if not self._buffer:
            return False
        given = self._buffer
        try:
            plain = self._inflater.decompress(given, _PIECE)
        except zlib.error as error:
            raise ChainError from error
        self._buffer = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail
        self._compressed += len(given) - len(self._buffer)
        self._plain += len(plain)
        self._crc32 = zlib.crc32(plain, self._crc32)
        if self._inflater.eof:
            self._end_member()
            return True
        return bool(self._buffer)

    def _copy_stored(self) -> bool:
        assert self._member is not None  # noqa: S101 - set by the step before
        plain = self._take(min(len(self._buffer), self._member.compressed - self._compressed))
        self._compressed += len(plain)
        self._plain += len(plain)
        self._crc32 = zlib.crc32(plain, self._crc32)
        if self._compressed < self._member.compressed:
            return False
        self._end_member()
        return True

    def _end_member(self) -> None:
        assert self._member is not None  # noqa: S101 - set by the step before
        known = replace(self._member, crc32=self._crc32, compressed=self._compressed, plain=self._plain)
        if not known.flags & _DESCRIPTOR and known != self._member:
            raise ChainError
        self._members = (*self._members, known)
        self._step = self._descriptor if known.flags & _DESCRIPTOR else self._record

    def _descriptor(self) -> bool:
        """4.3.9: with or without its signature, with sizes of 4 or 8 bytes; only one reading can match."""
        if len(self._buffer) < 24:  # what follows, the directory and its end, is longer
            return False
        known = self._members[-1]
        values = (known.crc32, known.compressed, known.plain)
        for layout in ("<3L", "<L2Q"):
            if "Q" not in layout and max(values) > _FULL:
                continue
            record = struct.pack(layout, *values)
            for whole in (_DATA_DESCRIPTOR + record, record):
                if self._buffer.startswith(whole) and self._buffer[len(whole) : len(whole) + 2] in (b"PK", b"P", b""):
                    self._take(len(whole))
                    self._step = self._record
                    return True
        raise ChainError

    def _directory(self) -> bool:
        if len(self._buffer) < 46:
            return self._finish() if self._listed == len(self._members) else False
        if not self._buffer.startswith(_CENTRAL):
            return self._finish()
        if self._listed == len(self._members):
            raise ChainError
        fields = struct.unpack("<6H3L5H2L", self._buffer[4:46])
        flags, method, crc32, compressed, plain = fields[2], fields[3], fields[6], fields[7], fields[8]
        name, extra, comment = fields[9:12]
        if len(self._buffer) < 46 + name + extra + comment:
            return False
        record = self._take(46 + name + extra + comment)
        known = self._members[self._listed]
        found = (record[46 : 46 + name], flags, method, crc32)
        sizes = ((compressed, known.compressed), (plain, known.plain))
        if found != (known.name, known.flags, known.method, known.crc32) or any(a not in (b, _FULL) for a, b in sizes):
            raise ChainError
        self._listed += 1
        return True

    def _finish(self) -> bool:
        """4.3.14 to 4.3.16: what closes the archive."""
        if len(self._buffer) < 4:
            return False
        if self._listed != len(self._members):
            raise ChainError
        signature = self._buffer[:4]
        if signature == _END64:
            if len(self._buffer) < 12:
                return False
            (size,) = struct.unpack("<Q", self._buffer[4:12])
            return self._skip(12 + size if size < _MAX_END64 else -1)
        if signature == _LOCATOR64:
            return self._skip(20)
        if signature != _END:
            raise ChainError
        if len(self._buffer) < 22:
            return False
        count, comment = struct.unpack("<H8xH", self._buffer[10:22])
        if count not in (len(self._members), 0xFFFF):
            raise ChainError
        self._take(22)
        self._comment = comment
        self._step = self._behind
        return True

    def _skip(self, count: int) -> bool:
        if count < 0:
            raise ChainError
        if len(self._buffer) < count:
            return False
        self._take(count)
        return True

    def _behind(self) -> bool:
        if len(self._buffer) > self._comment:
            raise ChainError
        self.complete = len(self._buffer) == self._comment
        return False


def _wide_sizes(extra: bytes, plain: int, compressed: int) -> tuple[int, int]:
    """4.5.3: the sizes that do not fit into four bytes."""
    while len(extra) >= 4:
        tag, size = struct.unpack("<2H", extra[:4])
        if tag == 1 and size >= 16 and len(extra) >= 20:
            wide_plain, wide_compressed = struct.unpack("<2Q", extra[4:20])
            return (
                wide_plain if plain == _FULL else plain,
                wide_compressed if compressed == _FULL else compressed,
            )
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
