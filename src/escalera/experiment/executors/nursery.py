"""Workers that are forked from one process which has imported all: they begin at once, and share what it holds.

For Linux; elsewhere libraries do not stand a fork, and each worker imports for itself (`connection.Spawned`).
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from typing import IO

from escalera.core.child import APART
from escalera.experiment.executors import worker

LOOK = 0.1
"""Seconds between two looks at whether a worker is over."""
TOLD = 5.0
"""Seconds in which the nursery has told how a worker ended."""


class Nursery:
    """The process that workers are forked from, whose libraries have the `limits` of threads that they have."""

    def __init__(self, limits: Mapping[str, str]) -> None:
        self.limits = limits
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self.control, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "escalera.experiment.executors.nursery", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self.log,
                stderr=self.log,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **limits},
                **APART,
            )
        self.unfinished = b""
        """The beginning of a line whose end has not come."""
        self.codes: dict[int, int] = {}
        self.asking = threading.Lock()

    def fork(self, log: IO[bytes], environment: Mapping[str, str]) -> socket.socket:
        """The line to a new worker, which writes what it has to say into a log."""
        mine, theirs = socket.socketpair()
        with theirs, contextlib.suppress(OSError):  # one that is gone is noticed where an answer is waited for
            socket.send_fds(self.control, [json.dumps(dict(environment)).encode()], [theirs.fileno(), log.fileno()])
        return mine

    def code(self, process: int | None) -> int:
        """How a worker ended, as Popen has it: -9 is SIGKILL. Where it never began it is how the nursery did.

        It is -9 too where the nursery is there and tells nothing: with it the worker was stopped, or swapped out.
        """
        with self.asking:
            end = time.monotonic() + TOLD
            while process not in self.codes and self._hear(end - time.monotonic()):
                pass
        if process is not None and process in self.codes:
            return self.codes[process]
        code = self.process.poll()
        return -signal.SIGKILL if code is None else code

    def _hear(self, seconds: float) -> bool:
        """Note what it tells next, within so many seconds; whether it may tell more."""
        ready = select.poll()
        ready.register(self.control, select.POLLIN)
        if not ready.poll(max(0.0, seconds) * 1000):
            return False
        try:
            piece = self.control.recv(1 << 12)
        except OSError:
            piece = b""
        if not piece:
            # Its end of the line is cut as it ends, and how it ended is known a moment later.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(TOLD)
            return False
        *lines, self.unfinished = (self.unfinished + piece).split(b"\n")
        self.codes.update(tuple(json.loads(line)) for line in lines)
        return True

    def close(self) -> None:
        """End it, and with it who was forked from it."""
        self.process.kill()
        self.process.wait()
        self.control.close()
        self.log.close()


def main(control: socket.socket) -> None:
    """Fork a worker for each message, and tell how each has ended, until nobody is there who listens."""
    worker.prepare()
    gc.freeze()  # what is collected no more is written to no more, and stays shared
    while True:
        if select.select([control], [], [], LOOK)[0]:
            message, files, _, _ = socket.recv_fds(control, 1 << 16, 2)
            if not message:
                os._exit(0)
            _fork(control, json.loads(message), *files)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                control.sendall(json.dumps([ended[0], os.waitstatus_to_exitcode(ended[1])]).encode() + b"\n")


def _fork(control: socket.socket, environment: Mapping[str, str], line: int, log: int) -> None:
    if os.fork() == 0:
        control.close()
        os.environ.update(environment)
        os.dup2(log, 1)
        os.dup2(log, 2)
        parent = socket.socket(fileno=line)
        try:
            worker.work(parent.makefile("r", encoding="utf-8"), parent.makefile("w", encoding="utf-8"))
        except BaseException:
            traceback.print_exc()  # its last line is told
        finally:
            os._exit(1)
    os.close(line)
    os.close(log)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    main(socket.socket(fileno=int(sys.argv[1])))
