"""A process that performs tasks, which come as lines of JSON on standard input; what happens goes out in the same way.

It ends with its parent: at once, since whatever a run has written can be gone on from.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from queue import SimpleQueue
from typing import Any, NoReturn, TextIO

from escalera.core.interrupt import interrupt_main
from escalera.run.perform import perform
from escalera.run.task import Task, data_kept

STOPPED = 130
"""The exit code of what Ctrl-C has ended."""
_busy = threading.Event()


def main() -> NoReturn:
    """Work for whoever has begun this process."""
    # What a library prints by mistake must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    prepare()
    work(sys.stdin, answers)


def prepare() -> None:
    """Import what a task needs and what takes its time, before there is a task."""
    from torch import optim
    from torch.utils import flop_counter, tensorboard

    from escalera.evaluate import metrics
    from escalera.run import attempt, wire

    assert all((optim, flop_counter, tensorboard, metrics, attempt, wire))


def work(orders: TextIO, answers: TextIO) -> NoReturn:
    """Perform tasks until somebody says stop, or nobody is there any more."""
    from escalera.run.wire import sender

    # A climb in the background of a shell was told to ignore Ctrl-C, by which its workers are stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tasks: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(orders, tasks), daemon=True).start()

    def answer(**message: object) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    answer(ready=os.getpid())
    events = sender(lambda name, arguments: answer(event=name, arguments=arguments))
    with data_kept(), contextlib.suppress(KeyboardInterrupt):
        while (message := tasks.get()) is not None:
            task = Task.of(message["task"])
            _busy.set()
            outcome = perform(task, frozenset(message["failed"]), events)
            _busy.clear()
            answer(outcome=asdict(outcome))
    os._exit(STOPPED)


def _listen(orders: TextIO, tasks: SimpleQueue[dict[str, Any] | None]) -> None:
    """Hear what the parent says, also while a task is at work."""
    for line in orders:
        message = json.loads(line)
        if "stop" not in message:
            tasks.put(message)
            continue
        tasks.put(None)
        if _busy.is_set():
            interrupt_main()
    os._exit(STOPPED)


if __name__ == "__main__":
    main()
