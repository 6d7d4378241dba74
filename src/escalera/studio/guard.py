"""Who may ask, how much, and of whom the browser may ask in turn: in front of everything that the studio serves."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HERE = {"127.0.0.1", "localhost", "[::1]", "::1"}
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'; form-action 'self'; base-uri 'self'"
)
"""What a browser may load for the page: nothing from any other machine, whatever the page says."""
_FETCH = re.compile(r"/(?:file|proxy)(?:=|/)\s*(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
"""A path that asks the server to fetch an address."""
_FILE = re.compile(r"(?<!/gradio_api)/file=")
"""A path that asks for a file anywhere but where gradio decides which may be had."""
_ADDRESS = re.compile(r"\s*(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


class Guard:
    """Refuses with 4xx, in JSON: wrong password (401), another site's page (403), what is too large (413).

    `local` is whether it listens on this machine alone: then only names of this machine are answered to, so that no
    other name can be made to lead here. `uploads` is the one folder whose files a question may name, since gradio would
    open any other too. `login` is `user:password`, None for anybody.
    """

    def __init__(self, app: App, *, largest: int, local: bool, uploads: Path, login: str | None = None) -> None:
        self.app = app
        self.uploads = uploads.resolve()
        self.largest = largest
        self.local = local
        self.login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or hand on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _answer(send, *refusal)
            return
        if headers.get("content-type", "").startswith("application/json"):
            body = await self._whole(receive)
            if body is None or self._names_what_was_not_uploaded(body):
                await _answer(send, *(_TOO_LARGE if body is None else (403, "files are uploaded, and named as such")))
                return
            receive = _again(body, receive)
        counted = _Counted(receive, self.largest)

        async def unless_too_large(message: Message) -> None:
            # Those behind make a failure of it, and would tell of that.
            if not counted.too_large:
                await send(message)

        with contextlib.suppress(TooLargeError):
            await self.app(scope, counted, _with_policy(unless_too_large))
        if counted.too_large:
            await _answer(send, *_TOO_LARGE)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self.local and (urlsplit(f"//{host}").hostname or "") not in HERE:
            return 403, "this studio answers to 127.0.0.1 and localhost alone"
        origin = headers.get("origin")
        if origin and urlsplit(origin).netloc != host:
            return 403, "a page of another site may not ask here"
        if self.login is not None and not _same(headers.get("authorization", ""), self.login):
            return 401, "a user and a password are needed"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.largest:
            return _TOO_LARGE
        path = unquote(unquote(scope["path"]))
        if _FETCH.search(path) or _FILE.search(path) or "\\" in path or ".." in path.split("/"):
            return 403, "not allowed"
        return None

    async def _whole(self, receive: Receive) -> bytes | None:
        """The whole body, None for one that is too large."""
        parts, total = [], 0
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            total += len(parts[-1])
            if total > self.largest:
                return None
            if not message.get("more_body"):
                return b"".join(parts)

    def _names_what_was_not_uploaded(self, body: bytes) -> bool:
        """Whether a file in a JSON body is an address, which gradio would load, or another file of this machine."""
        try:
            nodes = [json.loads(body)]
        except (ValueError, RecursionError):
            return False  # those behind refuse it
        while nodes:
            node = nodes.pop()
            if isinstance(node, dict):
                path = node.get("path")
                if isinstance(path, str) and not self._was_uploaded(path):
                    return True
                nodes += node.values()
            elif isinstance(node, list):
                nodes += node
        return False

    def _was_uploaded(self, path: str) -> bool:
        try:
            return not _ADDRESS.match(path) and Path(path).resolve().is_relative_to(self.uploads)
        except (OSError, ValueError, RuntimeError):
            return False


class TooLargeError(Exception):
    """More bytes came than are taken."""


class _Counted:
    """Receive, until it is too much: what comes in parts announces no length."""

    def __init__(self, receive: Receive, largest: int) -> None:
        self._receive = receive
        self._left = largest

    @property
    def too_large(self) -> bool:
        return self._left < 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self.too_large:
            raise TooLargeError
        return message


_TOO_LARGE = (413, "too large: at most 20 MB are taken")


def _same(given: str, login: str) -> bool:
    kind, _, encoded = given.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True) if kind.lower() == "basic" else b""
    except ValueError:
        return False
    return secrets.compare_digest(decoded, login.encode())


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, for those behind; then what comes after it, as the end of the connection."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_policy(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {key.lower() for key, _ in message["headers"]}
            extra = {
                b"content-security-policy": POLICY.encode(),
                b"x-content-type-options": b"nosniff",
                b"referrer-policy": b"no-referrer",
            }
            message["headers"] = [*message["headers"], *((k, v) for k, v in extra.items() if k not in names)]
        await send(message)

    return wrapped


async def _answer(send: Send, status: int, message: str) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="Escalera", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": message}).encode()})
