"""The one worker that computes answers, and how many questions may wait for it.

Two networks at once would only wait for one another's cores, and no answer can be another's. It computes with one core,
which is as fast for one picture; with more, each layer would wait for the slowest of them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from escalera.core.errors import EscaleraError

WAITING = 64
"""Questions that wait for an answer; one more is refused."""

_Result = TypeVar("_Result")


class BusyError(EscaleraError):
    """Too many questions wait already."""


class Queue:
    """Work in the order of its arrival, done by one thread; `prepare` is called there first.

    `on_change` hears how many questions wait whenever that changes.
    """

    def __init__(
        self,
        name: str,
        prepare: Callable[[], object],
        most: int = WAITING,
        on_change: Callable[[int], object] = lambda waiting: None,
    ) -> None:
        self.most = most
        self.on_change = on_change
        self.waiting = 0
        self._worker = ThreadPoolExecutor(1, thread_name_prefix=name, initializer=prepare)
        self._lock = Lock()

    def submit(self, work: Callable[[], _Result]) -> Future[_Result]:
        """Have something computed when its turn comes; raises BusyError when too many wait already."""
        with self._lock:
            if self.waiting >= self.most:
                raise BusyError(f"{self.waiting} questions wait already; ask again in a moment")
            self.waiting += 1
            self.on_change(self.waiting)
        future = self._worker.submit(work)
        future.add_done_callback(lambda _: self._answered())
        return future

    def close(self) -> None:
        """Finish what is computed now, and drop what waits."""
        self._worker.shutdown(cancel_futures=True)

    def _answered(self) -> None:
        with self._lock:
            self.waiting -= 1
            self.on_change(self.waiting)


def with_one_core() -> None:
    """For the calling thread alone: what is computed beside it, as a climb of the studio, has all of them."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.get_num_threads()  # torch sets a thread's number when it first computes there, and must have done so
    threadpool_limits(1, user_api="openmp")
