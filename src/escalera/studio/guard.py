"""Who may ask, what, and how much, and of whom the browser may ask in turn: in front of everything the studio serves.

Only routes that the page and the HTTP interface need are open; what gradio adds otherwise is closed by itself. A body
is read once, here: what stands behind gets what was looked at, so that no header decides what is looked at.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
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

_PAGES = ("", "/en", "/es")
_PAGE = r"/(?:en|es)"
_API = rf"{_PAGE}/gradio_api"
_READ = re.compile(
    r"/|/favicon\.ico|/manifest\.json|/models|/model/.+|/report/[^/]+|/explored/[^/]+/[^/]+"
    rf"|{_PAGE}/?|{_PAGE}/(?:config/?|theme\.css|favicon\.ico|manifest\.json|robots\.txt|pwa_icon)"
    rf"|{_PAGE}/(?:assets|static|svelte)/.+"
    rf"|{_API}/(?:info/?|startup-events|app_id|queue/data|queue/status|upload_progress|heartbeat/[^/]+)"
    rf"|{_API}/call/[^/]+/[^/]+"
)
"""What may be read besides files."""
_FILE = re.compile(rf"{_API}/file=(.+)", re.DOTALL)
"""A file that gradio has kept for the page."""
_ASK = re.compile(rf"{_API}/(?:queue/join|call/[^/]+|run/[^/]+/?|cancel|reset/?)")
"""Where a body is JSON, whatever it says of itself."""
_UPLOAD = re.compile(rf"{_API}/upload")
_OWN = re.compile(r"/predict")
_ONCE = {b"host", b"origin", b"authorization", b"content-type", b"content-length", b"content-encoding"}
"""Headers of which two would mean one thing here and another one behind."""
_OF_FILES = {"path", "url", "orig_name"}
_BOUNDARY = re.compile(r"multipart/form-data;.*?\bboundary=(?:\"([^\"]+)\"|([^;\s]+))", re.IGNORECASE | re.DOTALL)


class RefusedError(Exception):
    """A request that is not handed on: its status and the reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Guard:
    """Refuses with 4xx, in JSON: wrong password (401), what is not open (403 to 405), what is too large (413).

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
            method, path = scope.get("method", "GET"), _path(scope)
            self._check_route(method, path)
            body = await self._whole(receive)
            if body is None:  # the sender has gone
                return
            if method == "POST":
                body = self._looked_at(path, headers, body)
        except RefusedError as error:
            await _answer(send, error.status, error.reason)
            return
        await self.app(_with_length(scope, len(body), json_body=bool(_ASK.fullmatch(path))), _again(body, receive),
                       _with_policy(send))  # fmt: skip

    def _check_sender(self, headers: dict[str, str]) -> None:
        """The name that was asked for, the page that asks, and the password."""
        host = headers.get("host", "")
        if self.local and _hostname(f"//{host}") not in HERE:
            raise RefusedError(403, "this studio answers to 127.0.0.1 and localhost alone")
        origin = headers.get("origin")
        if origin and (_hostname(origin) is None or urlsplit(origin).netloc != host):
            raise RefusedError(403, "a page of another site may not ask here")
        if self.login is not None and not _same(headers.get("authorization", ""), self.login):
            raise RefusedError(401, "a user and a password are needed")

    def _check_length(self, headers: dict[str, str]) -> None:
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdecimal()):
            raise RefusedError(400, "content-length is no number")
        if len(length) > 12 or int(length) > self.largest:
            raise _too_large()
        if headers.get("content-encoding", "identity").strip().casefold() not in ("", "identity"):
            raise RefusedError(415, "a body is taken as it is, not compressed")

    def _check_route(self, method: str, path: str) -> None:
        reading = method in ("GET", "HEAD")
        file = _FILE.fullmatch(path)
        if file and reading:
            if not self._was_uploaded(file[1]):
                raise RefusedError(403, "this file is not served")
        elif _READ.fullmatch(path):
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
                raise _too_large()
            if not message.get("more_body"):
                return b"".join(parts)

    def _looked_at(self, path: str, headers: dict[str, str], body: bytes) -> bytes:
        """The body for those behind: of JSON what was read of it, of a form as it is, where it is whole."""
        if _ASK.fullmatch(path):
            return self._json(body, headers.get("host", ""))
        if _UPLOAD.fullmatch(path):
            found = _BOUNDARY.match(headers.get("content-type", "").strip())
            if found is None or not body.rstrip().endswith(f"--{found[1] or found[2]}--".encode()):
                raise RefusedError(400, "the form cannot be read: expected multipart/form-data, whole")
        return body

    def _json(self, body: bytes, host: str) -> bytes:
        """A JSON body written anew from what was read, so that nothing can be read in two ways.

        Refused are files that were not uploaded: addresses, which gradio would load, and others of this machine.
        """
        if not body:
            return body
        try:
            read = json.loads(
                body.decode("utf-8"),
                object_pairs_hook=lambda pairs: self._checked(pairs, host),
                parse_constant=_no_constant,
            )
            return json.dumps(read, ensure_ascii=True).encode("ascii")
        except (ValueError, RecursionError) as error:
            raise RefusedError(400, "the body cannot be read: expected JSON in UTF-8") from error

    def _checked(self, pairs: list[tuple[str, Any]], host: str) -> dict[str, Any]:
        """An object whose keys are all different, and whose files were uploaded."""
        found = dict(pairs)
        if len(found) < len(pairs):
            raise RefusedError(400, "a key is given twice")
        for key, value in pairs:
            name = key.casefold().strip()
            if name in _OF_FILES and value is not None and not self._may_name(name, value, host):
                raise RefusedError(403, "files are uploaded, and named as such")
        return found

    def _may_name(self, key: str, value: object, host: str) -> bool:
        if not isinstance(value, str) or "\0" in value:
            return False
        if key == "orig_name":
            return not re.search(r"[/\\]|^\.\.?$", value)
        if key == "url":
            # The page repeats the address under which it was told that the upload lies.
            before, found, file = value.partition("/gradio_api/file=")
            ours = before.partition("://")[2].partition("/")[0] == host if "://" in before else before in _PAGES
            return not value or bool(found and ours and self._was_uploaded(unquote(file)))
        return self._was_uploaded(value)

    def _was_uploaded(self, path: str) -> bool:
        """Whether a path is one of a file in the folder of uploads, however it is written and wherever links lead."""
        try:
            written = Path(path)
            inside = written.is_absolute() and written.resolve().is_relative_to(self.uploads)
            return inside and ".." not in written.parts and written.is_file()
        except (OSError, ValueError, RuntimeError):
            return False


def _headers(scope: Scope) -> dict[str, str]:
    names = [key.lower() for key, _ in scope["headers"]]
    if any(names.count(name) > 1 for name in _ONCE):
        raise RefusedError(400, "a header is given twice")
    return {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}


def _path(scope: Scope) -> str:
    """The path as those behind read it, decoded once; what would still change if it were decoded again is refused."""
    path: str = scope["path"]
    if any(part in ("..", ".") for part in unquote(unquote(path)).split("/")) or "\\" in path or "\0" in path:
        raise RefusedError(403, "not allowed")
    return path


def _hostname(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _too_large() -> RefusedError:
    return RefusedError(413, "too large: at most 20 MB are taken")


def _same(given: str, login: str) -> bool:
    kind, _, encoded = given.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True) if kind.lower() == "basic" else b""
    except ValueError:
        return False
    return secrets.compare_digest(decoded, login.encode())


def _with_length(scope: Scope, length: int, *, json_body: bool) -> Scope:
    """The request as it is handed on: with the length of the body that is, and as JSON where it was read so."""
    left_out = {b"content-length", b"transfer-encoding", *([b"content-type"] if json_body else [])}
    headers = [(key, value) for key, value in scope["headers"] if key.lower() not in left_out]
    headers += [(b"content-length", str(length).encode())] if length else []
    headers += [(b"content-type", b"application/json")] if json_body else []
    return {**scope, "headers": headers}


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
