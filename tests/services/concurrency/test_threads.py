"""Threads that step back: the check of a snapshot, and whatever else the machine does, come first."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from bot.services.concurrency.threads import NICENESS, gentle_threads


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_gentle_threads_alone_step_back() -> None:
    """The pool's threads are nicer than the process; the thread that made them keeps its priority."""
    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with gentle_threads(2, "gentle") as threads:
        theirs = threads.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert theirs == min(mine + NICENESS, 19)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine
