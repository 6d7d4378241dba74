"""Tasks on a Ray cluster, one of this machine alone unless an address is named. Only JSON crosses the wire.

Whoever reaches the ports of a Ray cluster can run programs on it: docs/cluster.md says how to shut them.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import socket
import sys
import tempfile
import uuid
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from escalera.core import runtime
from escalera.core.errors import EscaleraError
from escalera.experiment.executors.mailbox import LOST, Mailbox
from escalera.run import remote
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.task import Task

OLDEST = (2, 60)
"""Earlier versions have holes that are known."""
REACHED = 5.0
"""Seconds in which a cluster has to answer."""
RETRIES = 1
"""How often Ray begins a task again whose process or machine is lost."""
_OBJECTS = 80 << 20
"""Bytes of Ray's own store, which holds nothing but a few lines: the least that it takes."""


class Pool:
    """Hands tasks to Ray, which chooses where and when."""

    def __init__(
        self, events: Events, tasks: Sequence[Task], jobs: int | Literal["auto"], device: str, where: str = ""
    ) -> None:
        _refuse_client(where)
        self.events, self.tasks, self.where = events, tasks, where
        self.wanted = len(tasks) if jobs == "auto" else min(jobs, len(tasks))
        self.on_gpu = bool(where) or runtime.choose_device(device).type == "cuda"
        self.climb = uuid.uuid4().hex
        if not where:
            _have_token()
        self.ray = _library()
        self.refs: list[Any] = []

    def __enter__(self) -> Pool:
        remote.stop_none(self.tasks[0])
        self._connect()
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        cpus = sum(int(node.get("CPU", 0)) for node in nodes)
        self.gpus = 1 if self.on_gpu and any(node.get("GPU") for node in nodes) else 0
        self.at_once = count = max(1, min(self.wanted, cpus))
        # A task has to fit on some machine; as large as the largest is no use where the others stand idle.
        self.threads = max(1, min(cpus // count, *(int(node.get("CPU", 1)) or 1 for node in nodes)))
        self.mailbox = Mailbox(self.events)
        self.events.workers_begin(count, self.threads, "cluster", 0, 0)
        self.perform = self.ray.remote(remote.perform_order).options(
            num_cpus=self.threads, num_gpus=self.gpus, max_retries=RETRIES
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Have everybody stop where they can go on from, and let go of the cluster; `ray stop` would end all others."""
        try:
            if error is not None:
                remote.stop_all(self.tasks[0])
                self.ray.wait(self.refs, num_returns=len(self.refs), timeout=60) if self.refs else None
        finally:
            self.mailbox.close()
            self.ray.shutdown()
            self.events.workers_end()

    def submit(self, task: Task, failed: frozenset[str]) -> Future[Outcome]:
        """Perform it as soon as the cluster has room."""
        future: Future[Outcome] = Future()
        self._hand(replace(task, threads=self.threads), failed, future)
        return future

    def _hand(self, task: Task, failed: frozenset[str], future: Future[Outcome]) -> None:
        self.mailbox.watch(task)
        ref = self.perform.remote(remote.order(task, failed, self.climb, self.mailbox.supplier.key(task)))
        self.refs.append(ref)
        again = partial(self._hand, task, failed, future)
        ref.future().add_done_callback(
            lambda done: self.mailbox.settle(task, future, lambda: self._outcome(task, done), again)
        )

    def _outcome(self, task: Task, done: Future[str]) -> Outcome:
        lost = done.exception()
        if lost is None:
            return remote.outcome(done.result())
        if isinstance(lost, self.ray.exceptions.WorkerCrashedError | self.ray.exceptions.NodeDiedError):
            message = f"{LOST}, {RETRIES + 1} times. Type the command again: it goes on from the last checkpoint."
        else:
            message = f"Ray: {type(lost).__name__}: {str(lost).strip().splitlines()[-1][:300]}"
        return Outcome(*task.key, "failed", message)

    def _connect(self) -> None:
        quiet = {"configure_logging": False, "log_to_driver": False}
        if self.where:
            _check_reachable(self.where)
            self.ray.init(address=self.where, **quiet)
            return
        self.ray.init(
            address="local",  # never one that happens to run here
            num_cpus=runtime.cores(),
            include_dashboard=False,
            object_store_memory=_OBJECTS,
            _node_ip_address="127.0.0.1",
            **quiet,
        )


@cache
def _have_token() -> None:
    """Have a token for clusters of this machine alone, which nobody else may read, as long as this process lives.

    Ray looks for it once, when it is imported, and its own would be for all to read.
    """
    if "ray" in sys.modules and os.environ.get("RAY_AUTH_MODE") != "token":
        raise EscaleraError(
            "--cluster ray: expected to import Ray itself, with a token, found that it is imported already without "
            "one. Begin Python anew, or set RAY_AUTH_MODE=token before."
        )
    folder = Path(tempfile.mkdtemp(prefix="escalera-ray-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    token = folder / "token"
    token.touch(mode=0o600)
    token.write_text(secrets.token_hex(32), encoding="ascii")
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN_PATH=str(token))


def _refuse_client(where: str) -> None:
    """Raise EscaleraError for an address of Ray Client, typed as ray://HOST:PORT or after `ray:`."""
    if "//" in where:
        host = where.rpartition("//")[2].rpartition(":")[0] or "HOST"
        raise EscaleraError(
            f"--cluster ray://{where.rpartition('//')[2]}: expected the head of a cluster, as ray:{host}:6379, without "
            "slashes and with the port of ray start --head; received an address of Ray Client, which is not supported"
        )


def _library() -> Any:
    """Ray, as new as it has to be; raises EscaleraError where it is not there."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise EscaleraError(
            "--cluster ray: expected Ray, found none. Install it: pip install 'escalera[ray]'"
        ) from error
    found = tuple(int(part) for part in ray.__version__.split(".")[:2])
    if found < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise EscaleraError(
            f"--cluster ray: expected Ray {wanted} or newer, found {ray.__version__}, which has holes that are known. "
            "Install it: pip install 'escalera[ray]'"
        )
    return ray


def _check_reachable(address: str) -> None:
    """Raise EscaleraError where nobody answers there; Ray itself would try for a minute."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise EscaleraError(f"--cluster ray:{address}: expected HOST:PORT, as ray:10.0.0.1:6379")
    try:
        with contextlib.closing(socket.create_connection((host.strip("[]"), int(port)), REACHED)):
            return
    except (OSError, OverflowError) as error:
        raise EscaleraError(
            f"--cluster ray:{address}: nobody answers there ({error}). Expected the head of a Ray cluster, begun with: "
            f"ray start --head --port={port}"
        ) from error
