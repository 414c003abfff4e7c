"""Forks commands from a process that has imported the product: `processes.py` starts it and asks it (Linux only).

A command spends most of its time on its imports, and the tests run hundreds of them. A child that is forked here is a
process of its own in all else: folder, environment, arguments, standard streams, signals, and how it ends.
"""

from __future__ import annotations

import gc
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from contextlib import suppress
from importlib import import_module
from typing import TypedDict

_LONGEST = 1 << 17  # bytes of a request, which is one message


class Request(TypedDict):
    """What a child shall do: `code` with the arguments, or `python -m bot` where there is none."""

    folder: str
    environment: dict[str, str]
    arguments: list[str]
    code: str


def _import_product() -> None:
    for name in ("bot.app", "bot.cli.commands", "bot.handlers"):
        for module in pkgutil.iter_modules(import_module(name).__path__, f"{name}."):
            import_module(module.name)


def _serve(asked: socket.socket) -> Request:
    """Fork a child for every request until nobody can ask any more; return in the children alone, with their request.

    With a request come the asker's socket, the standard output and error. The socket is told the child's id, and how
    it ended.
    """
    selector = selectors.DefaultSelector()
    selector.register(asked, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is not asked:
                asker, pid = key.data
                selector.unregister(key.fd)
                os.close(key.fd)
                with asker, suppress(OSError):  # whoever asked waits no longer
                    asker.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                continue
            message, streams, _, _ = socket.recv_fds(asked, _LONGEST, 3)
            if not message:
                os._exit(0)
            if (pid := os.fork()) == 0:
                selector.close()
                asked.close()
                os.dup2(streams[1], 1)
                os.dup2(streams[2], 2)
                for stream in streams:
                    os.close(stream)
                request: Request = json.loads(message)
                return request
            asker = socket.socket(fileno=streams[0])
            os.close(streams[1])
            os.close(streams[2])
            asker.send(str(pid).encode())
            selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (asker, pid))


def _become(folder: str, environment: dict[str, str]) -> None:
    """Be in this folder, with this environment and nothing on the standard input."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    gc.enable()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the tests, and with them this
    _import_product()
    gc.collect()
    gc.freeze()  # what the collector does not touch stays shared with the children
    gc.disable()
    asked = socket.socket(fileno=int(sys.argv[1]))
    request = _serve(asked)
    _become(request["folder"], request["environment"])
    sys.argv[1:] = request["arguments"]
    if request["code"]:
        sys.argv[0] = "-c"
        exec(compile(request["code"], "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_module("bot", run_name="__main__", alter_sys=True)
