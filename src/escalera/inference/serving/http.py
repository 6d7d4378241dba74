"""The web server, as the studio and `escalera serve` run it: an address, and an application that answers there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from escalera.core.errors import EscaleraError

if TYPE_CHECKING:
    from escalera.inference.serving.guard import App

GRACE = 3
"""Seconds that what is being answered has once the server is stopped: an open page is listening without end."""
_BACKLOG = 2048
"""Connections that may wait to be taken."""


def listen(host: str, port: int) -> socket.socket:
    """An address, taken; raises EscaleraError where it cannot be."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # By the protocol asyncio knows that it may send at once (TCP_NODELAY); else each answer waits for 40 ms.
        taken = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise _refused(host, port, error) from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except (OSError, OverflowError) as error:
        taken.close()
        raise _refused(host, port, error) from error
    return taken


def address_of(taken: socket.socket) -> str:
    """The address as a person opens it on this machine."""
    host, port = taken.getsockname()[:2]
    here = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{here}:{port}/"


def run(app: App, taken: socket.socket, *, ready: Callable[[str], object]) -> None:
    """Answer until Ctrl-C or SIGTERM; `ready` is told the address once it does. What is being answered is finished."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        http="h11",  # and no other that may be installed: the door was tried with it
        timeout_graceful_shutdown=GRACE,
        backlog=_BACKLOG,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready(address_of(taken))

    server, complaints = Server(config), logging.getLogger("uvicorn.error")

    def meant(record: logging.LogRecord) -> bool:
        return not (server.should_exit and _is_cut_off(record))

    complaints.addFilter(meant)
    try:
        # Ctrl-C is how it ends, and comes again once the server is down.
        with contextlib.suppress(KeyboardInterrupt):
            server.run([taken])
    finally:
        complaints.removeFilter(meant)


def _is_cut_off(record: logging.LogRecord) -> bool:
    """Whether uvicorn tells, with all its traceback, of an answer that had no end, as that to an open page."""
    fault = record.exc_info[1] if record.exc_info else None
    return isinstance(fault, asyncio.CancelledError) or str(record.msg).startswith("Cancel %s running task")


def _refused(host: str, port: int, error: Any) -> EscaleraError:
    elsewhere = isinstance(error, socket.gaierror) or getattr(error, "errno", None) == errno.EADDRNOTAVAIL
    cure = "Give an address of this machine with --host" if elsewhere else "Give another --port"
    return EscaleraError(f"cannot listen on {host}:{port}: {getattr(error, 'strerror', None) or error}. {cure}.")
