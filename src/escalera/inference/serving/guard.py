"""Who may ask, what, and how much: in front of everything that is served over HTTP.

A body is read once, here: what stands behind gets what was looked at, so that no header decides what is looked at.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from escalera.core.errors import EscaleraError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_UPLOAD = 20_000_000
"""Bytes of a picture, or of all that are asked about together; a form around them may have some more."""
AROUND = 100_000
HERE = ("127.0.0.1", "localhost", "::1")
_NAMES_HERE = {f"[{name}]" if ":" in name else name for name in HERE}
"""As a header writes them."""
_POLICY = "default-src 'none'; frame-ancestors 'none'"
"""What a browser may load for an answer: it is data, and no page."""
_ONCE = {b"host", b"origin", b"authorization", b"content-type", b"content-length", b"content-encoding"}
"""Headers of which two would mean one thing here and another one behind."""
_NOT_ON = {b"content-length", b"transfer-encoding", b"content-type", b"range", b"x-forwarded-host", b"x-gradio-server"}
"""Headers that are written anew, or that nobody needs and gradio trusts."""
_HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(\d{1,5}))?", re.IGNORECASE | re.ASCII)
_LONGEST_PATH, _LONGEST_NAME = 2_000, 255
"""Bytes; systems of files take no longer ones."""


class RefusedError(Exception):
    """A request that is not handed on: its status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class ApiGuard:
    """Refuses with 4xx, in JSON: wrong password (401), what is not open (403 to 405), what is too large (413).

    `routes` are the paths that are open and the method of each. `local` is whether it listens on this machine alone:
    then only names of this machine are answered to, so that no other name can be made to lead here. `login` is
    `user:password`, None for anybody; a path in `free` is answered without.
    """

    policy = _POLICY

    def __init__(
        self,
        app: App,
        *,
        local: bool,
        routes: Mapping[str, str],
        largest: int = LARGEST_UPLOAD + AROUND,
        login: str | None = None,
        free: frozenset[str] = frozenset(),
    ) -> None:
        self.app = app
        self.routes = routes
        self.largest = largest
        self.local = local
        self.login = login
        self.free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or hand on."""
        if scope["type"] == "websocket":  # nothing here needs one
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            headers = _headers(scope)
            self._check_sender(headers, free=scope["path"] in self.free)
            method, path = scope["method"], self.path_of(scope)
            most = self.most(path)
            _check_length(headers, most)
            self.check_route(method, path)
            query = self.query_of(path, scope["query_string"])
            body = await _whole(receive, most)
            if body is None:  # the sender has gone
                return
            kind, body = self.looked_at(path, headers, body) if method == "POST" else ("", b"")
        except RefusedError as error:
            await _answer(send, error.status, error.reason)
            return
        await self.app(
            _handed_on(scope, query, kind, len(body)), _again(body, receive), _with_policy(send, self.policy)
        )

    def _check_sender(self, headers: dict[str, str], *, free: bool) -> None:
        """The name that was asked for, the page that asks, and the password."""
        host = headers.get("host", "").casefold()
        named = _HOST.fullmatch(host)
        if named is None or int(named[2] or 0) > 65_535 or (self.local and named[1] not in _NAMES_HERE):
            names = "127.0.0.1 and localhost alone" if self.local else "the name of a host"
            raise RefusedError(403, f"this server answers to {names}")
        if headers.get("origin", f"http://{host}").casefold() not in (f"http://{host}", f"https://{host}"):
            raise RefusedError(403, "a page of another site may not ask here")
        if self.login is not None and not free and not _same(headers.get("authorization", ""), self.login):
            raise RefusedError(401, "a user and a password are needed")

    def most(self, path: str) -> int:
        """Bytes that a body may have."""
        return self.largest

    def check_route(self, method: str, path: str) -> None:
        """Refuse what is not open."""
        wanted = self.routes.get(path)
        if wanted is None:
            raise RefusedError(404, f"there is nothing here; there are {', '.join(self.routes)}")
        if method != wanted and (method, wanted) != ("HEAD", "GET"):
            raise RefusedError(405, f"this is {'read with GET' if wanted == 'GET' else f'asked with {wanted}'}")

    def path_of(self, scope: Scope) -> str:
        """The path that is asked for."""
        return decoded_path(scope["path"])

    def query_of(self, path: str, query: bytes) -> bytes:
        """What is asked besides the path, as far as those behind may hear it."""
        return query

    def looked_at(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, bytes]:
        """The type and the body for those behind."""
        return headers.get("content-type", "").strip(), body


def check_access(host: str, auth: str | None, i_know: bool) -> None:
    """Raise EscaleraError for a password that is none, and for an address that others can reach without one."""
    if auth is not None and not all(auth.partition(":")):
        raise EscaleraError("--auth: expected user:password, received something else")
    if host not in HERE and auth is None and not i_know:
        raise EscaleraError(
            f"--host {host}: others could reach it there, and use all that it offers. Give --auth user:password, or "
            "--i-know where the network itself keeps strangers out."
        )


def _headers(scope: Scope) -> dict[str, str]:
    names = [key.lower() for key, _ in scope["headers"]]
    if any(names.count(name) > 1 for name in _ONCE):
        raise RefusedError(400, "a header is given twice")
    return {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}


def decoded_path(path: str, *, backslashes: bool = False) -> str:
    """The path as those behind read it, decoded once; what would still change if it were decoded again is refused."""
    again = re.split(r"[/\\]", unquote(unquote(path)))
    if ".." in again or "." in again or "\0" in path or ("\\" in path and not backslashes):
        raise RefusedError(403, "not allowed")
    lengths = [len(name.encode("utf-8", "replace")) for name in re.split(r"[/\\]", path)]
    if max(lengths) > _LONGEST_NAME or sum(lengths) > _LONGEST_PATH:
        raise RefusedError(404, "there is nothing here: the name is too long")
    return path


def _check_length(headers: dict[str, str], most: int) -> None:
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdecimal()):
        raise RefusedError(400, "content-length is no number")
    if len(length) > 12 or int(length) > most:
        raise _too_large(most)
    if headers.get("content-encoding", "identity").strip().casefold() not in ("", "identity"):
        raise RefusedError(415, "a body is taken as it is, not compressed")


async def _whole(receive: Receive, most: int) -> bytes | None:
    """The whole body, None where its sender has gone; the one place where bytes are counted."""
    parts, total = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        total += len(parts[-1])
        if total > most:
            raise _too_large(most)
        if not message.get("more_body"):
            return b"".join(parts)


def _too_large(largest: int) -> RefusedError:
    most = f"{largest // 1_000_000:,} MB" if largest >= 1_000_000 else f"{largest:,} bytes"
    return RefusedError(413, f"too large: at most {most} are taken")


def _same(given: str, login: str) -> bool:
    kind, _, encoded = given.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True) if kind.lower() == "basic" else b""
    except ValueError:
        return False
    return secrets.compare_digest(decoded, login.encode())


def _handed_on(scope: Scope, query: bytes, kind: str, length: int) -> Scope:
    """The request for those behind: with the query, the type and the length of the body that were looked at."""
    headers = [(key, value) for key, value in scope["headers"] if key.lower() not in _NOT_ON]
    headers += [(b"content-type", kind.encode("latin-1"))] if kind else []
    headers += [(b"content-length", str(length).encode())] if length else []
    return {**scope, "query_string": query, "headers": headers}


def _again(body: bytes, receive: Receive) -> Receive:
    """A body that was read, for those behind; then what comes after it, as the end of the connection."""
    given: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> Message:
        for message in given:
            return message
        return await receive()

    return again


def _with_policy(send: Send, policy: str) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {key.lower() for key, _ in message["headers"]}
            extra = {
                b"content-security-policy": policy.encode(),
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
