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
from typing import Any

from escalera.core.interrupt import interrupt_main
from escalera.run.task import Source, Task, data_kept, perform

_busy = threading.Event()
_stopped = 130
"""The exit code of what Ctrl-C has ended."""


def main() -> None:
    """Perform tasks until there are no more."""
    # What a library prints by mistake must not stand among the answers.
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    # A climb in the background of a shell was told to ignore Ctrl-C, by which its workers are stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    tasks: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(tasks,), daemon=True).start()

    def answer(**message: object) -> None:
        answers.write(json.dumps(message) + "\n")

    # The imports that take their time come before the first task and not within it.
    from escalera.run import attempt  # noqa: F401
    from escalera.run.wire import sender

    answer(ready=True)
    events = sender(lambda name, arguments: answer(event=name, arguments=arguments))
    with data_kept(), contextlib.suppress(KeyboardInterrupt):
        while (message := tasks.get()) is not None:
            task = Task(**{**message["task"], "source": Source(**message["task"]["source"])})
            _busy.set()
            outcome = perform(task, frozenset(message["failed"]), events)
            _busy.clear()
            answer(outcome=asdict(outcome))
    os._exit(_stopped)


def _listen(tasks: SimpleQueue[dict[str, Any] | None]) -> None:
    """Hear what the parent says, also while a task is at work."""
    for line in sys.stdin:
        message = json.loads(line)
        if "stop" not in message:
            tasks.put(message)
            continue
        tasks.put(None)
        if _busy.is_set():
            interrupt_main()
    os._exit(_stopped)


if __name__ == "__main__":
    main()
