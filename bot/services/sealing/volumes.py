"""Orders the volumes of a sealed archive by their names, as nothing else tells their place without the key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bot.errors import DamagedArchiveError, MissingVolumesError, UntrustedArchiveError
from bot.services.files.names import is_called_sealed, number_within
from bot.services.sealing.header import is_sealed

BRING_ALL = "Bring all volumes of the archive together, under the names they have in the chat."


def are_sealed(files: Sequence[Path]) -> bool:
    """Tell whether files are a sealed archive, or volumes of one whose first volume may be missing."""
    return any(map(is_sealed, files)) or (bool(files) and all(is_called_sealed(file.name) for file in files))


def arrange_sealed(files: Sequence[Path]) -> tuple[Path, ...]:
    """Return the volumes in order. That none is missing at the end, the opening tells.

    Raises `MissingVolumesError`, `UntrustedArchiveError` where their names do not tell their places.
    """
    first = [file for file in files if is_sealed(file)]
    if len(first) > 1:
        raise UntrustedArchiveError(
            f"{first[0].name} and {first[1].name} both begin a sealed archive.", hint="Bring one archive at a time."
        )
    if not first and len(files) == 1 and number_within(files[0].name) is None:
        raise DamagedArchiveError(
            f"{files[0].name} does not begin as an age file of the first version does.", hint="Download it again."
        )
    if not first:
        raise _missing((1,))
    others = [file for file in files if file != first[0]]
    numbered = {number_within(file.name) or 0: file for file in others}
    if len(others) == 1 and 0 in numbered:
        return (first[0], others[0])
    if 0 in numbered or len(numbered) < len(others):
        raise UntrustedArchiveError(
            "The volumes of a sealed archive are told apart by their names alone, and some of these have no number, or"
            " the same.",
            hint="Give them the names they have in the chat: ….zip.age.001, .002 and so on.",
        )
    if missing := tuple(number for number in range(2, max(numbered, default=1) + 1) if number not in numbered):
        raise _missing(missing)
    order = (first[0], *(numbered[number] for number in sorted(numbered)))
    short = {file.name for file in order[:-1] if file.stat().st_size != order[0].stat().st_size}
    if short or order[-1].stat().st_size > order[0].stat().st_size:
        raise UntrustedArchiveError(
            "These volumes are not of one size, and only the last one may be shorter: one is cut off, or belongs to"
            " another archive.",
            hint="Download them again, and compare their sizes with those in the chat.",
        )
    return order


def require_last(volumes: Sequence[Path]) -> None:
    """Raise `MissingVolumesError` where more volumes are likely to follow: the last one is not shorter than the others.

    For whoever waits for more; an archive that fills its volumes to the last byte is a case in millions.
    """
    sizes = [volume.stat().st_size for volume in volumes]
    if (len(volumes) == 1 and number_within(volumes[0].name)) or (len(volumes) > 1 and sizes[-1] == sizes[0]):
        raise _missing((len(volumes) + 1,), "perhaps more")


def _missing(numbers: tuple[int, ...], more: str = "") -> MissingVolumesError:
    volumes, are = ("Volume", "is") if len(numbers) == 1 else ("Volumes", "are")
    listed = ", ".join(map(str, numbers[:20])) + (", …" if len(numbers) > 20 else "")
    further = f" (and {more})" if more else ""
    return MissingVolumesError(
        f"{volumes} {listed}{further} of the sealed archive {are} missing.", missing=numbers, hint=BRING_ALL
    )
