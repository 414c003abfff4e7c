"""Orders the volumes of an archive, brought in any order and under any names, names missing ones.

The order is found by reading: an archive is a chain of records and deflate streams, and a slice that does not continue
the one before it breaks the chain within a few kilobytes, at the latest at a member's CRC. Names only say which order
to try first. Blocking; to be called in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.errors import MissingVolumesError, UntrustedArchiveError
from bot.models import Cause, Reason, because
from bot.services.files.names import number_within
from bot.services.files.private_file import PIECE, sha256_of
from bot.services.sealing.volumes import are_sealed, arrange_sealed
from bot.services.zip.chain import ChainError, SequentialZip, archive_bytes_told_by

MAX_VOLUMES = 400
"""2,000 MB at 5 MB each are 400; more files are no album of a person but an attempt at our patience."""

_MAX_TRIALS = 4000
_READINGS = 20  # how often all volumes together are read at most: wrong orders end early, as a rule
_TAIL = 66_000  # the end record and the longest comment it can have (65,535 bytes)
_BRING_ALL = "Bring all volumes of the archive together; their names and their order do not matter."


@dataclass(frozen=True, slots=True)
class _Slice:
    path: Path
    bytes: int
    number: int | None  # as its name tells, which may be wrong


def arrange_volumes(files: Sequence[Path], *, check: Callable[[], None] = lambda: None) -> tuple[Path, ...]:
    """Return the volumes of one archive in order; the same volume brought twice counts once.

    `check` is called between two pieces of work and raises to give up. Raises `MissingVolumesError` with the numbers
    as far as they can be known, `UntrustedArchiveError` where a file is damaged or belongs to something else.
    """
    if not files:
        raise UntrustedArchiveError("There is no file to restore from.")
    if len(files) > MAX_VOLUMES:
        raise UntrustedArchiveError(f"{len(files)} files are more than the {MAX_VOLUMES} volumes an archive can have.")
    slices = _distinct([_slice(file) for file in files])
    if are_sealed([piece.path for piece in slices]):
        return arrange_sealed([piece.path for piece in slices])
    if len(slices) == 1:
        _require_whole(slices[0])
        return (slices[0].path,)
    size = max(piece.bytes for piece in slices)
    short = [piece for piece in slices if piece.bytes < size]
    if len(short) > 1:
        names = ", ".join(piece.path.name for piece in short)
        raise UntrustedArchiveError(
            f"{names} are shorter than the other volumes, and only the last one may be: a file is cut off, or the files"
            " belong to different archives.",
            hint="Download them again, and compare their sizes with those in the chat.",
        )
    firsts = [piece for piece in slices if _begins_archive(piece.path)]
    last = short[0] if short else None
    search = _Search(slices, last, check)
    for first in firsts:
        if order := search.run(first):
            return tuple(piece.path for piece in order)
    raise _explained(slices, firsts, search.longest, size)


class _Search:
    """Tries orders depth first, the likeliest first; remembers the longest chain that held."""

    def __init__(self, slices: Sequence[_Slice], last: _Slice | None, check: Callable[[], None]) -> None:
        self._slices = slices
        self._last = last
        self._check = check
        self._trials = 0
        self._bytes_left = _READINGS * sum(piece.bytes for piece in slices)
        self.longest: tuple[_Slice, ...] = ()

    def run(self, first: _Slice) -> tuple[_Slice, ...] | None:
        return self._extend((), SequentialZip(), [first], [piece for piece in self._slices if piece is not first])

    def _extend(
        self, placed: tuple[_Slice, ...], chain: SequentialZip, candidates: Sequence[_Slice], others: Sequence[_Slice]
    ) -> tuple[_Slice, ...] | None:
        for piece in candidates:
            rest = [other for other in (*candidates, *others) if other is not piece]
            if piece is self._last and rest:
                continue
            self._trials += 1
            if self._trials > _MAX_TRIALS or self._bytes_left < 0:
                return None
            longer = chain.copy()
            if not self._follow(longer, piece):
                continue
            order = (*placed, piece)
            if len(order) > len(self.longest):
                self.longest = order
            if not rest:
                if longer.complete:
                    return order
                continue
            if found := self._extend(order, longer, self._likeliest_first(piece, rest), ()):
                return found
        return None

    def _follow(self, chain: SequentialZip, piece: _Slice) -> bool:
        with piece.path.open("rb") as file:
            try:
                while data := file.read(PIECE):
                    self._check()
                    self._bytes_left -= len(data)
                    chain.feed(data)
            except ChainError:
                return False
        return True

    @staticmethod
    def _likeliest_first(before: _Slice, rest: Sequence[_Slice]) -> list[_Slice]:
        following = (before.number or 0) + 1
        return sorted(rest, key=lambda piece: (piece.number != following, piece.number or 0, piece.path.name))


def _slice(path: Path) -> _Slice:
    try:
        size = path.stat().st_size
    except OSError as error:
        said = error.strerror or str(error)
        cause = because(Cause.ARCHIVE_UNREAD, said=said)
        raise UntrustedArchiveError(f"{path} can't be read: {said}.", cause=cause) from error
    if not path.is_file():
        raise UntrustedArchiveError(f"{path} is no file.")
    if not size:
        cause = Reason(Cause.ARCHIVE_CUT_OFF)
        raise UntrustedArchiveError(f"{path.name} is empty (0 bytes).", hint="Download it again.", cause=cause)
    return _Slice(path, size, number_within(path.name))


def _distinct(slices: Sequence[_Slice]) -> list[_Slice]:
    """Drop files with the very same content; only those of equal size are read for it."""
    sizes = [piece.bytes for piece in slices]
    seen: set[object] = set()
    kept = []
    for piece in slices:
        key: object = piece.path if sizes.count(piece.bytes) == 1 else sha256_of(piece.path)
        if key not in seen:
            seen.add(key)
            kept.append(piece)
    return kept


def _begins_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def _told_bytes(piece: _Slice) -> int | None:
    """The size of the whole archive, where this slice holds its end record."""
    with piece.path.open("rb") as file:
        file.seek(max(0, piece.bytes - _TAIL))
        return archive_bytes_told_by(file.read())


def _require_whole(piece: _Slice) -> None:
    """Tell a lone volume of several from a whole archive; what else may be wrong, the reading of it tells."""
    begins, told = _begins_archive(piece.path), _told_bytes(piece)
    if told == piece.bytes:
        return  # an archive without anything in it begins with its end
    if begins and told is None:
        number = f" It is called volume {piece.number}." if piece.number else ""
        raise MissingVolumesError(
            f"{piece.path.name} is only the beginning of an archive: its end is missing.{number}",
            missing=(2,) if piece.number == 1 else (),
            hint=f"{_BRING_ALL} If there are no others, the file is cut off: download it again.",
            cause=Reason(Cause.ARCHIVE_CUT_OFF),
        )
    if not begins and (told is not None or piece.number is not None):
        what = "the end" if told is not None else "a later volume"
        raise MissingVolumesError(
            f"{piece.path.name} is only {what} of an archive: the first volume is missing.",
            missing=(1,),
            hint=_BRING_ALL,
        )


def _explained(
    slices: Sequence[_Slice], firsts: Sequence[_Slice], longest: Sequence[_Slice], size: int
) -> UntrustedArchiveError:
    """Say which volumes are missing, or that one of them is not what it was."""
    told = [bytes_ for piece in slices if (bytes_ := _told_bytes(piece)) is not None]
    total = -(-max(told) // size) if told else 0
    numbers = [piece.number for piece in slices if piece.number]
    named_well = len(set(numbers)) == len(slices)
    highest = max([total, *(numbers if named_well else [])])
    if named_well and (missing := tuple(n for n in range(1, highest + 1) if n not in numbers)):
        return _missing(missing, total)
    if not firsts:
        return _missing((1,), total, "none of the files begins an archive: ")
    if not told:
        after = max(numbers) + 1 if named_well else len(slices) + 1
        return _missing((after,), total, "none of the files ends an archive: ")
    if total > len(slices):
        more = total - len(slices) - 1
        return _missing((len(longest) + 1,), total, more=more)
    odd = [piece.path.name for piece in slices if piece not in longest]
    why = "they follow one another, and yet are not whole"
    if odd:
        does = "does" if len(odd) == 1 else "do"
        why = f"{', '.join(odd[:5])} {does} not continue the {len(longest)} that fit together"
    return UntrustedArchiveError(
        f"These {len(slices)} files do not make an archive: {why}. A file is damaged, cut off, or belongs to another"
        " archive.",
        hint="Download them again from the message of one backup.",
    )


def _missing(numbers: tuple[int, ...], total: int, why: str = "", *, more: int = 0) -> MissingVolumesError:
    of = f" of {total}" if total else ""
    listed = ", ".join(map(str, numbers[:20])) + (", …" if len(numbers) > 20 else "")
    further = f", and {more} more" if more > 0 else ""
    volumes, are = ("Volume", "is") if len(numbers) == 1 and more < 1 else ("Volumes", "are")
    sentence = f"{why}{volumes} {listed}{of}{further} {are} missing."
    return MissingVolumesError(sentence[0].upper() + sentence[1:], missing=numbers, total=total, hint=_BRING_ALL)
