"""`escalera serve`: a model that answers over HTTP, by one process or by several that share the address.

Workers are processes, each with the model: one that is killed takes nobody's answer with it but its own, and another
comes in its place. All take connections from one socket.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from socket import socket
from typing import Any

from escalera.core.errors import EscaleraError, RunError
from escalera.core.interrupt import terminable
from escalera.inference.serving.guard import HERE, check_access
from escalera.inference.serving.http import GRACE, address_of, listen, run
from escalera.inference.serving.metrics import Metrics, cells_for

Ready = Callable[[str], object]


@dataclass(frozen=True)
class Served:
    """What each worker needs to know; plain, for a process of its own."""

    model: Path
    local: bool
    login: str | None
    cells: Any
    """The counters of all workers, in memory that they share."""


def serve(
    model: Path, *, host: str, port: int, auth: str | None = None, i_know: bool = False, workers: int = 1, ready: Ready
) -> None:
    """Answer until Ctrl-C or SIGTERM; `ready` is told the address once every worker answers.

    Raises EscaleraError for an address that others can reach without a password, for a port that is taken, and for a
    model that cannot be opened.
    """
    check_access(host, auth, i_know)
    with contextlib.suppress(KeyboardInterrupt), terminable(), listen(host, port) as taken:
        served = Served(model, host in HERE, auth, cells_for(workers, RawArray))
        if workers == 1:
            _work(served, taken, 0, ready)
        else:
            _Crew(served, taken, workers).work(ready)


def _work(served: Served, taken: socket, place: int, ready: Ready) -> None:
    """Open the model and answer."""
    from escalera.inference.files import opened
    from escalera.inference.onnx_model import OnnxModel
    from escalera.inference.serving.app import make_app, warm_up
    from escalera.inference.serving.queue import Queue, with_one_core

    predictor = opened(served.model)
    # A model in an ONNX file has one core of itself; PyTorch, where it is installed, would take four times its memory.
    prepare = (lambda: None) if isinstance(predictor, OnnxModel) else with_one_core
    metrics = Metrics(served.cells, place, os.getpid())
    queue = Queue("serve", prepare, on_change=metrics.wait)
    try:
        queue.submit(lambda: warm_up(predictor)).result()
        run(make_app(predictor, queue, metrics, local=served.local, login=served.login), taken, ready=ready)
    finally:
        queue.close()


def _worker(served: Served, taken: socket, place: int, mouth: connection.Connection) -> None:
    """A process of the crew: tells "" once it answers, or why it cannot, and ends when the crew has lost its leader."""
    leader = multiprocessing.parent_process()
    assert leader is not None

    def follow() -> None:
        leader.join()
        os.kill(os.getpid(), signal.SIGTERM)

    def tell(fault: str) -> None:
        # A leader that is told to end while this one begins no longer listens.
        with contextlib.suppress(BrokenPipeError):
            mouth.send(fault)

    threading.Thread(target=follow, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt), terminable():
        try:
            _work(served, taken, place, lambda address: tell(""))
        except EscaleraError as error:
            tell(str(error))


class _Crew:
    """Several workers; the leader answers nothing itself, and puts another in the place of one that ends."""

    def __init__(self, served: Served, taken: socket, count: int) -> None:
        self._begin = multiprocessing.get_context("spawn")
        self._served, self._taken = served, taken
        self._count = count
        self._workers: list[BaseProcess] = []

    def work(self, ready: Ready) -> None:
        try:
            ears = [self._start(place) for place in range(self._count)]
            for ear in ears:
                self._hear(ear)
            ready(address_of(self._taken))
            while True:
                ended = connection.wait([worker.sentinel for worker in self._workers])
                for place, worker in enumerate(self._workers):
                    if worker.sentinel in ended:
                        self._hear(self._start(place))
        finally:
            self._end()

    def _start(self, place: int) -> connection.Connection:
        ear, mouth = self._begin.Pipe(duplex=False)
        worker = self._begin.Process(target=_worker, args=(self._served, self._taken, place, mouth), daemon=False)
        worker.start()
        mouth.close()
        self._workers[place : place + 1] = [worker]
        return ear

    def _hear(self, ear: connection.Connection) -> None:
        """Wait until a worker answers; raises RunError where it cannot."""
        try:
            fault = ear.recv()
        except EOFError:
            fault = "a worker ended before it answered anything: is there memory enough? Try fewer --workers."
        finally:
            ear.close()
        if fault:
            raise RunError(fault)

    def _end(self) -> None:
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join(GRACE + 2)
            if worker.is_alive():
                worker.kill()
                worker.join()
