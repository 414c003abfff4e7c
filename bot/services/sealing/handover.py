"""Feeds a library that pulls its input from a producer that pushes it: two threads, of which one works at a time."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Sequence

from bot.errors import ArchiveError
from bot.models import Cause


class Handover:
    """What is handed over is used up before more is asked for, so that no more than that is in memory."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._input = io.BytesIO()
        self._output: list[bytes] = []
        self._hungry = self._last = self._stopped = self._ended = False
        self._error: BaseException | None = None

    # --- the side of the archive ---

    def exchange(self, pieces: Sequence[bytes], *, last: bool = False) -> list[bytes]:
        """Hand over, wait until all is used up, and return what came out. Raises what the other side died of."""
        with self._turn:
            self._turn.wait_for(lambda: self._hungry or self._ended)
            self._input, self._last, self._hungry = io.BytesIO(b"".join(pieces)), last, False
            self._turn.notify_all()
            self._turn.wait_for(lambda: self._hungry or self._ended)
            out, self._output = self._output, []
            if self._error is not None:
                raise ArchiveError.because(Cause.NOT_SEALED, said=str(self._error)) from self._error
            return out

    def stop(self) -> None:
        """Let the other side end at its next read."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()

    # --- the side of the seal, in its thread ---

    def run(self, work: Callable[[Handover, Handover], None]) -> None:
        error: BaseException | None = None
        try:
            work(self, self)
        except BaseException as raised:  # it is told to whoever hands over next
            error = raised
        with self._turn:
            self._error, self._ended = error, True
            self._turn.notify_all()

    def read(self, size: int = -1, /) -> bytes:
        if piece := self._input.read(size):
            return piece
        with self._turn:
            while not (piece := self._input.read(size)) and not self._last:
                self._hungry = True
                self._turn.notify_all()
                self._turn.wait_for(lambda: not self._hungry or self._stopped)
                if self._stopped:
                    raise OSError("sealing was stopped")
        return piece

    def write(self, piece: bytes) -> int:
        self._output.append(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""
