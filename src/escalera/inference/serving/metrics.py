"""What a server has done, counted in memory that its workers share, in the text format of Prometheus.

Each worker writes numbers of its own, and whichever is asked sums those of all: a restarted worker goes on where the
one before it was, so that no counter ever falls.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableSequence, Sequence
from typing import Any

import psutil

from escalera.inference.serving.guard import App, Message, Receive, Scope, Send

PATHS = ("/predict", "/models", "/health", "/metrics", "other")
_STATUSES = (200, 400, 401, 403, 404, 405, 413, 415, 422, 500, 503)
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds up to which an answer counts, for each bucket but the last."""
_SECONDS = len(PATHS) * len(_STATUSES)
_SUM = _SECONDS + len(_BOUNDS) + 1
_WAITING, _PROCESS = _SUM + 1, _SUM + 2
WIDTH = _PROCESS + 1
"""Numbers of a worker: requests by path and status, answers by their seconds, the sum of these, questions that wait,
and its process."""

TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The numbers of all workers, `WIDTH` for each, of which the one in place `own` writes its own."""

    def __init__(self, cells: MutableSequence[float], own: int, process: int) -> None:
        self._cells = cells
        self._first = own * WIDTH
        self._cells[self._first + _PROCESS] = process
        self.wait(0)  # what waited at a worker before this one is gone

    def count(self, path: str, status: int, seconds: float) -> None:
        """A request is answered."""
        row = PATHS.index(path) if path in PATHS else len(PATHS) - 1
        column = _STATUSES.index(status) if status in _STATUSES else _STATUSES.index(500)
        self._cells[self._first + row * len(_STATUSES) + column] += 1
        if path == "/predict" and status == 200:
            bucket = next((place for place, bound in enumerate(_BOUNDS) if seconds <= bound), len(_BOUNDS))
            self._cells[self._first + _SECONDS + bucket] += 1
            self._cells[self._first + _SUM] += seconds

    def wait(self, questions: int) -> None:
        """So many questions wait at this worker."""
        self._cells[self._first + _WAITING] = questions

    def text(self, version: str, model: str) -> str:
        """All workers together (https://prometheus.io/docs/instrumenting/exposition_formats/)."""
        sums = [sum(self._cells[place::WIDTH]) for place in range(WIDTH)]
        processes = [int(process) for process in self._cells[_PROCESS::WIDTH] if process]
        return "".join(f"{line}\n" for line in _lines(sums, processes, version, model))


def _lines(sums: Sequence[float], processes: Sequence[int], version: str, model: str) -> Iterator[str]:
    yield from _head("escalera_info", "gauge", "The version, and the model that answers.")
    yield f'escalera_info{{version="{_label(version)}",model="{_label(model)}"}} 1'
    yield from _head("escalera_http_requests_total", "counter", "Requests answered, by path and status.")
    for number, count in enumerate(sums[:_SECONDS]):
        row, column = divmod(number, len(_STATUSES))
        if count:
            yield f'escalera_http_requests_total{{path="{PATHS[row]}",status="{_STATUSES[column]}"}} {count:.0f}'
    name = "escalera_predict_duration_seconds"
    yield from _head(name, "histogram", "Seconds from a question to its answer, of those that were answered.")
    total = 0.0
    for bound, count in zip((*map(str, _BOUNDS), "+Inf"), sums[_SECONDS:_SUM], strict=True):
        total += count
        yield f'{name}_bucket{{le="{bound}"}} {total:.0f}'
    yield f"{name}_sum {sums[_SUM]:.9g}"
    yield f"{name}_count {total:.0f}"
    yield from _head("escalera_questions_waiting", "gauge", "Questions that wait for an answer now.")
    yield f"escalera_questions_waiting {sums[_WAITING]:.0f}"
    yield from _head("process_resident_memory_bytes", "gauge", "Memory of each worker.")
    for process in processes:
        try:
            yield f'process_resident_memory_bytes{{pid="{process}"}} {psutil.Process(process).memory_info().rss}'
        except psutil.Error:  # it has just ended, and another comes
            continue


def _head(name: str, kind: str, help_: str) -> Iterator[str]:
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {kind}"


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def counted(app: App, metrics: Metrics) -> App:
    """An application whose every answer is counted, those of the guard too."""

    async def counting(scope: Scope, receive: Receive, send: Send) -> None:
        status, began = 0, time.perf_counter()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, noted)
        except Exception:
            status = status or 500
            raise
        finally:
            # Whoever hung up before the question was whole has no answer, and no fault is ours.
            if scope["type"] == "http" and status:
                metrics.count(scope["path"], status, time.perf_counter() - began)

    return counting


def cells_for(workers: int, make: Any) -> MutableSequence[float]:
    """Memory for so many workers; `make` is `multiprocessing`'s RawArray."""
    found: MutableSequence[float] = make("d", workers * WIDTH)
    return found
