"""Who may ask, what, and how much, and of whom the browser may ask in turn: in front of everything the studio serves.

Only routes that the page and the HTTP interface need are open; what gradio adds otherwise is closed by itself. A body
is read once, here: what stands behind gets what was looked at, so that no header decides what is looked at.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from escalera.studio.forms import check_files, read_form, write_form
from escalera.studio.questions import ForbiddenError, Uploads, check_question, dump_json, parse_json

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HERE = ("127.0.0.1", "localhost", "::1")
_NAMES_HERE = {f"[{name}]" if ":" in name else name for name in HERE}
"""As a header writes them."""
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; frame-ancestors 'self'; form-action 'self'; base-uri 'self'"
)
"""What a browser may load for the page: nothing from any other machine, whatever the page says."""

_PAGE = r"/(?:en|es)"
_API = rf"{_PAGE}/gradio_api"
_READ = re.compile(
    rf"/|/favicon\.ico|/manifest\.json|/models|/model/.+|/report/[^/]+|/explored/[^/]+/[^/]+"
    rf"|{_PAGE}/?|{_PAGE}/(?:config|theme\.css|favicon\.ico|manifest\.json)|{_PAGE}/(?:assets|static)/.+"
    rf"|{_API}/(?:info|app_id|queue/data|upload_progress|heartbeat/[^/]+|call/[^/]+/[^/]+)"
)
"""What may be read besides files."""
_FILE = re.compile(rf"{_API}/file=(.+)", re.DOTALL)
"""A file that gradio has kept for the page."""
_ASK = re.compile(
    rf"{_API}/(?:queue/(?P<join>join)|(?P<call>call)/(?P<name>[^/]+)|(?P<cancel>cancel)|(?P<reset>reset))"
)
"""Where a body is JSON, whatever it says of itself."""
_UPLOAD = re.compile(rf"{_API}/upload")
_OWN = re.compile(r"/predict")
_REPEATED = re.compile(rf"/|{_PAGE}/?|{_API}/queue/join")
"""Where the page's own address stands, and where the page repeats what stood there: whatever a link may add to it."""
_QUERY = {"session_hash", "upload_id", "v", "serialize"}
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


class Guard:
    """Refuses with 4xx, in JSON: wrong password (401), what is not open (403 to 405), what is too large (413).

    `local` is whether it listens on this machine alone: then only names of this machine are answered to, so that no
    other name can be made to lead here. `uploads` is the one folder whose files a question may name, `inputs` how many
    values each function takes that may be asked (`check_question`). `login` is `user:password`, None for anybody.
    """

    def __init__(
        self,
        app: App,
        *,
        largest: int,
        local: bool,
        uploads: Path,
        inputs: Mapping[str, int],
        login: str | None = None,
    ) -> None:
        self.app = app
        self.uploads = Uploads(uploads)
        self.inputs = inputs
        self.largest = largest
        self.local = local
        self.login = login

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
            self._check_sender(headers)
            self._check_length(headers)
            method, path = scope["method"], _path(scope)
            self._check_route(method, path)
            query = _query(path, scope["query_string"])
            body = await self._whole(receive)
            if body is None:  # the sender has gone
                return
            kind, body = self._looked_at(path, headers, body) if method == "POST" else ("", b"")
        except RefusedError as error:
            await _answer(send, error.status, error.reason)
            return
        await self.app(_handed_on(scope, query, kind, len(body)), _again(body, receive), _with_policy(send))

    def _check_sender(self, headers: dict[str, str]) -> None:
        """The name that was asked for, the page that asks, and the password."""
        host = headers.get("host", "").casefold()
        named = _HOST.fullmatch(host)
        if named is None or int(named[2] or 0) > 65_535 or (self.local and named[1] not in _NAMES_HERE):
            names = "127.0.0.1 and localhost alone" if self.local else "the name of a host"
            raise RefusedError(403, f"this studio answers to {names}")
        if headers.get("origin", f"http://{host}").casefold() not in (f"http://{host}", f"https://{host}"):
            raise RefusedError(403, "a page of another site may not ask here")
        if self.login is not None and not _same(headers.get("authorization", ""), self.login):
            raise RefusedError(401, "a user and a password are needed")

    def _check_length(self, headers: dict[str, str]) -> None:
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            raise RefusedError(400, "content-length is no number")
        if len(length) > 12 or int(length) > self.largest:
            raise _too_large(self.largest)
        if headers.get("content-encoding", "identity").strip().casefold() not in ("", "identity"):
            raise RefusedError(415, "a body is taken as it is, not compressed")

    def _check_route(self, method: str, path: str) -> None:
        reading = method in ("GET", "HEAD")
        file = _FILE.fullmatch(path)
        if file and reading:
            if not self.uploads.hold(file[1]):
                raise RefusedError(403, "this file is not served")
        elif file or _READ.fullmatch(path):
            if not reading:
                raise RefusedError(405, "this is read with GET")
        elif any(pattern.fullmatch(path) for pattern in (_ASK, _UPLOAD, _OWN)):
            if method != "POST":
                raise RefusedError(405, "this is asked with POST")
        else:
            raise RefusedError(404, "there is nothing here")

    async def _whole(self, receive: Receive) -> bytes | None:
        """The whole body, None where its sender has gone; the one place where bytes are counted."""
        parts, total = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            total += len(parts[-1])
            if total > self.largest:
                raise _too_large(self.largest)
            if not message.get("more_body"):
                return b"".join(parts)

    def _looked_at(self, path: str, headers: dict[str, str], body: bytes) -> tuple[str, bytes]:
        """The type and the body for those behind: what was read of it, written anew, so that all read the same."""
        kind = headers.get("content-type", "").strip()
        try:
            if matched := _ASK.fullmatch(path):
                route = next(name for name, found in matched.groupdict().items() if found)
                question = parse_json(body)
                self.uploads.check(question, headers["host"])
                check_question(route, matched["name"] or "", question, self.inputs)
                return "application/json", dump_json(question)
            if _UPLOAD.fullmatch(path):
                parts = read_form(kind, body)
                check_files(parts, "files")
                return write_form(parts)
        except ForbiddenError as error:
            raise RefusedError(403, str(error)) from error
        except ValueError as error:
            raise RefusedError(400, str(error)) from error
        return kind, body


def _headers(scope: Scope) -> dict[str, str]:
    names = [key.lower() for key, _ in scope["headers"]]
    if any(names.count(name) > 1 for name in _ONCE):
        raise RefusedError(400, "a header is given twice")
    return {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}


def _path(scope: Scope) -> str:
    """The path as those behind read it, decoded once; what would still change if it were decoded again is refused."""
    path: str = scope["path"]
    again = re.split(r"[/\\]", unquote(unquote(path)))
    foreign = "\\" in path and not _FILE.fullmatch(path)  # files alone are called as Windows calls them
    if ".." in again or "." in again or "\0" in path or foreign:
        raise RefusedError(403, "not allowed")
    lengths = [len(name.encode("utf-8", "replace")) for name in re.split(r"[/\\]", path)]
    if max(lengths) > _LONGEST_NAME or sum(lengths) > _LONGEST_PATH:
        raise RefusedError(404, "there is nothing here: the name is too long")
    return path


def _query(path: str, query: bytes) -> bytes:
    """What is asked besides the path, as far as it is known here; of its own the HTTP interface knows more."""
    if _OWN.fullmatch(path):
        return query
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    known = {key: value for key, value in pairs if key in _QUERY}
    if len(known) < len(pairs) and not _REPEATED.fullmatch(path):
        raise RefusedError(400, f"nothing is asked here but {', '.join(sorted(_QUERY))}, each once")
    return urlencode(known).encode("ascii")


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
