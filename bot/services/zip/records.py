"""Writes the records between the members of a ZIP, byte for byte (PKWARE APPNOTE 6.3.10).

Every value is known from the central directory, so what a reader finds in a file can be compared with what the writer
must have put there.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DEFLATED = 8
MADE_BY_UNIX = 3 << 8 | 45  # 4.4.2: the attributes are those of Unix, the format that of APPNOTE 4.5
PRIVATE_FILE = 0o100600 << 16  # external attributes: a regular file, read and written by its owner alone
HAS_DESCRIPTOR = 1 << 3  # 4.4.4: sizes and CRC follow the data
UTF8_NAME = 1 << 11
FIELD_FULL = 0xFFFFFFFF  # 4.4.1.4: the true value is in the ZIP64 extra field

LOCAL = struct.Struct("<4s5H3L2H")  # 4.3.7
CENTRAL = struct.Struct("<4s6H3L5H2L")  # 4.3.12
END = struct.Struct("<4s4H2LH")  # 4.3.16
_END64 = struct.Struct("<4sQ2H2L4Q")  # 4.3.14
_LOCATOR64 = struct.Struct("<4sLQL")  # 4.3.15
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = (int(datetime(*day, tzinfo=UTC).timestamp()) for day in ((1980, 1, 1), (2107, 12, 31)))
_EXPANSION = 1 << 10  # stored blocks cost 5 bytes in 64 KiB at most, so one in a thousand is more than enough


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipEntry:
    """A member as the directory describes it, deflated or `stored` as it is.

    `offset` is that of its local header, `modified` is in Unix seconds.
    """

    name: str
    modified: int
    bytes: int
    compressed_bytes: int = 0
    crc32: int = 0
    offset: int = 0
    stored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Packs the records; ZIP64 is used where a value reaches the limits of the 32-bit and 16-bit fields, not before."""

    size_limit: int = FIELD_FULL
    count_limit: int = 0xFFFF

    def local_header(self, entry: ZipEntry) -> bytes:
        """4.3.7: what precedes the data. Only the name, the time and the uncompressed size have to be known."""
        extra = _times(entry)
        wide = self._is_wide(entry)
        if wide:  # 4.5.3: both sizes must be there; with a descriptor they are zero here, as Python's zipfile does it
            extra = struct.pack("<2H2Q", 1, 16, 0, 0) + extra
        sizes = FIELD_FULL if wide else 0
        name = entry.name.encode()
        time, date = _dos_time(entry.modified)
        flags, needed = _flags(entry.name), 45 if wide else 20
        header = (b"PK\x03\x04", needed, flags, DEFLATED, time, date, 0, sizes, sizes, len(name), len(extra))
        return LOCAL.pack(*header) + name + extra

    def descriptor(self, entry: ZipEntry) -> bytes:
        """4.3.9: what follows the data, with its signature."""
        layout = "<4sL2Q" if self._is_wide(entry) else "<4s3L"
        return struct.pack(layout, b"PK\x07\x08", entry.crc32, entry.compressed_bytes, entry.bytes)

    def central_header(self, entry: ZipEntry) -> bytes:
        """4.3.12: the entry of the central directory."""
        wide = [value for value in (entry.bytes, entry.compressed_bytes, entry.offset) if value >= self.size_limit]
        extra = _times(entry)
        if wide:  # 4.5.3: exactly the values that don't fit, in this order
            extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) + extra
        name = entry.name.encode()
        time, date = _dos_time(entry.modified)
        needed = 45 if wide or self._is_wide(entry) else 20
        what = (b"PK\x01\x02", MADE_BY_UNIX, needed, _flags(entry.name), DEFLATED, time, date, entry.crc32)
        sizes = (self._narrow(entry.compressed_bytes), self._narrow(entry.bytes), len(name), len(extra))
        return CENTRAL.pack(*what, *sizes, 0, 0, 0, PRIVATE_FILE, self._narrow(entry.offset)) + name + extra

    def end(self, *, count: int, size: int, offset: int) -> bytes:
        """4.3.14 to 4.3.16: what closes the archive; `size` and `offset` are those of the central directory."""
        packed = b""
        if count >= self.count_limit or size >= self.size_limit or offset >= self.size_limit:
            end64 = (b"PK\x06\x06", _END64.size - 12, MADE_BY_UNIX, 45, 0, 0, count, count, size, offset)
            packed = _END64.pack(*end64) + _LOCATOR64.pack(b"PK\x06\x07", 0, offset + size, 1)
        few = count if count < self.count_limit else 0xFFFF
        return packed + END.pack(b"PK\x05\x06", 0, 0, few, few, self._narrow(size), self._narrow(offset), 0)

    def _is_wide(self, entry: ZipEntry) -> bool:
        """Whether sizes need 8 bytes: decided before the data is deflated, so by the largest it could become."""
        return entry.bytes + entry.bytes // 1000 + _EXPANSION >= self.size_limit

    def _narrow(self, value: int) -> int:
        return value if value < self.size_limit else FIELD_FULL


def _times(entry: ZipEntry) -> bytes:
    """Info-ZIP's extended timestamp, which is UTC: unzip, bsdtar and 7-Zip restore the true time from it.

    The same in both headers, as only the time of modification is given.
    """
    if not -(1 << 31) <= entry.modified < 1 << 31:
        return b""
    return struct.pack("<2HBl", 0x5455, 5, 1, entry.modified)


def _flags(name: str) -> int:
    return HAS_DESCRIPTOR | (0 if name.isascii() else UTF8_NAME)


def _dos_time(modified: int) -> tuple[int, int]:
    """4.4.6: time and date, here in UTC as in the archive's name, in steps of two seconds from 1980 to 2107."""
    moment = _EPOCH + timedelta(seconds=min(max(modified, _FIRST), _LAST))
    return (
        moment.hour << 11 | moment.minute << 5 | moment.second // 2,
        moment.year - 1980 << 9 | moment.month << 5 | moment.day,
    )


STANDARD = Records()
