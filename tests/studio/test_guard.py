"""What stands in front of the studio: who may ask, and how much."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from escalera.studio.guard import Guard, Message, Receive, Scope, Send

UPLOADS = Path("/tmp/gradio")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the size of the body."""
    total = 0
    while True:
        message = await receive()
        total += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(total).encode()})


def ask(
    guard: Guard,
    path: str = "/",
    body: tuple[bytes, ...] = (b"",),
    method: str = "GET",
    twice: tuple[str, str] | None = None,
    **headers: str,
) -> tuple[int, dict[str, str], str]:
    sent: list[Message] = []
    parts = list(body)

    async def receive() -> Message:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Message) -> None:
        sent.append(message)

    named = {"host": "127.0.0.1:7860", **{key.replace("_", "-"): value for key, value in headers.items()}}
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(key.encode(), value.encode()) for key, value in [*named.items(), *([twice] if twice else [])]],
    }
    asyncio.run(guard(scope, receive, send))
    got = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return sent[0]["status"], got, b"".join(message["body"] for message in sent[1:]).decode()


@pytest.fixture
def guard() -> Guard:
    return Guard(echo, largest=100, local=True, uploads=UPLOADS)


def test_what_is_in_order_passes_with_the_policy(guard: Guard) -> None:
    status, headers, body = ask(guard, body=(b"abc", b"de"))
    assert (status, body) == (200, "5")
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "http:" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    for host in ("localhost", "[::1]:7860", "127.0.0.1"):
        assert ask(guard, host=host)[0] == 200


def test_another_name_does_not_lead_here(guard: Guard) -> None:
    assert ask(guard, host="evil.example:7860")[0] == 403
    assert ask(Guard(echo, largest=100, local=False, uploads=UPLOADS), host="studio.example")[0] == 200


def test_a_page_of_another_site_may_not_ask(guard: Guard) -> None:
    assert ask(guard, origin="http://evil.example")[0] == 403
    assert ask(guard, origin="http://127.0.0.1:8000")[0] == 403
    assert ask(guard, origin="null")[0] == 403
    assert ask(guard, origin="http://127.0.0.1:7860")[0] == 200


def test_the_password(guard: Guard) -> None:
    guard.login = "ana:señora"
    status, headers, _ = ask(guard)
    assert status == 401
    assert headers["www-authenticate"].startswith("Basic")
    for wrong in ("Basic YW5hOng=", "Basic %%%", "Bearer YW5h", "Basic", "Basic w6k"):
        assert ask(guard, authorization=wrong)[0] == 401
    assert ask(guard, authorization="Basic YW5hOnNlw7FvcmE=")[0] == 200


def test_what_is_too_large_is_refused_announced_or_not(guard: Guard) -> None:
    assert ask(guard, content_length="101")[0] == 413
    assert ask(guard, content_length="9" * 5_000)[0] == 413
    assert ask(guard, content_length="5")[0] == 200
    assert ask(guard, body=(b"x" * 60, b"x" * 60))[0] == 413
    status, _, body = ask(guard, "/predict", (b"x" * 60, b"x" * 60), "POST")
    assert (status, "20 MB" in json.loads(body)["error"]) == (413, True)


@pytest.mark.parametrize("length", ["-1", "²", "１２", "1e2", "x", "1,2", ""])
def test_a_length_that_is_no_number(guard: Guard, length: str) -> None:
    assert ask(guard, content_length=length)[0] == 400


@pytest.mark.parametrize("host", ["[", "", "127.0.0.1:7860@evil.example", "evil.example#127.0.0.1", "]["])
def test_a_host_that_is_none(guard: Guard, host: str) -> None:
    assert ask(guard, host=host)[0] == 403


@pytest.mark.parametrize("origin", ["http://[", "//", "http://127.0.0.1:7860@evil.example"])
def test_an_origin_that_is_none(guard: Guard, origin: str) -> None:
    assert ask(guard, origin=origin)[0] == 403


@pytest.mark.parametrize("name", ["host", "origin", "content-type", "content-length", "authorization"])
def test_a_header_given_twice(guard: Guard, name: str) -> None:
    assert ask(guard, twice=(name, "127.0.0.1:7860"), **{name.replace("-", "_"): "127.0.0.1:7860"})[0] == 400


@pytest.mark.parametrize(
    "path",
    [
        "/en/gradio_api/file=http://127.0.0.1:1/x",
        "/en/gradio_api/file=HTTPS://x.example/",
        "/en/gradio_api/file=//x.example/",
        "/en/gradio_api/file/ftp://x.example",
        "/en/gradio_api/proxy=https://x.example",
        "/en/gradio_api/file=%68ttp://x.example",
        "/en/gradio_api/file=/tmp/../etc/passwd",
        "/en/gradio_api/file=..%2f..%2fetc/passwd",
        "/en/file=/etc/passwd",
        "/file=/etc/passwd",
        "/model/..\\x",
        "/en/gradio_api/vibe-code/",
        "/en/dev/reload",
        "/en/runs",
        "/gradio_api/queue/join",
        "/en/gradio_api/call",
        "/fr/",
        "",
    ],
)
def test_what_is_not_open(guard: Guard, path: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        assert ask(guard, path, method=method)[0] in (403, 404, 405)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND"])
def test_other_methods(guard: Guard, method: str) -> None:
    for path in ("/", "/predict", "/en/gradio_api/queue/join", "/en/gradio_api/upload"):
        assert ask(guard, path, method=method)[0] == 405


def test_nothing_is_a_websocket(guard: Guard) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    asyncio.run(guard({"type": "websocket", "path": "/en/gradio_api/queue/join", "headers": []}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_who_leaves_in_mid_body_is_not_handed_on() -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError

    scope = {"type": "http", "path": "/predict", "method": "POST", "headers": [(b"host", b"127.0.0.1")]}
    asyncio.run(Guard(never, largest=100, local=True, uploads=UPLOADS)(scope, receive, send))


JOIN = "/en/gradio_api/queue/join"


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    (tmp_path / "up" / "x").mkdir(parents=True)
    (tmp_path / "up" / "x" / "a.png").write_bytes(b"png")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "up" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "up" / "away").symlink_to(tmp_path)
    return tmp_path / "up"


@pytest.mark.parametrize(
    "path", ["http://x.example/a.png", " HTTPS://x", "//x/y", "data:image/png;base64,AA", "file:///etc/passwd",
             "/etc/passwd", "etc/passwd", "{up}/../secret.png", "{up}-x/a.png", "{up}/link.png", "{up}/away/secret.png",
             "{up}/x/../x/a.png", "{up}", "{up}/x", "{up}/x/none.png", "\0", "", " {up}/x/a.png", "x/a.png"]
)  # fmt: skip
@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/x+json", "text/plain", ""]
)
def test_a_file_that_was_not_uploaded_is_forbidden(uploads: Path, path: str, kind: str) -> None:
    guard = Guard(echo, largest=2_000, local=True, uploads=uploads)
    path = path.replace("{up}", str(uploads))
    escaped = json.dumps({"data": [[{"path": path}]]}).replace("p", "\\u0070")
    for text in (json.dumps({"data": [1, {"path": path, "meta": {}}]}), escaped, json.dumps({"PATH": path})):
        assert ask(guard, JOIN, (text.encode(),), "POST", content_type=kind)[0] == 403


def test_what_was_uploaded_passes_as_it_was_read(uploads: Path) -> None:
    guard = Guard(echo, largest=2_000, local=True, uploads=uploads)
    file = str(uploads / "x" / "a.png")
    for url in (None, "", f"http://127.0.0.1:7860/en/gradio_api/file={file}", f"/en/gradio_api/file={file}"):
        fine = {"data": [{"path": file, "url": url, "orig_name": "a b.png", "meta": {"_type": "gradio.FileData"}}, "ñ"]}
        status, _, body = ask(guard, JOIN, (json.dumps(fine, ensure_ascii=False).encode(),), "POST")
        assert (status, body) == (200, str(len(json.dumps(fine))))
    assert ask(guard, JOIN, method="POST")[0] == 200


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("url", "http://x.example/a.png"), ("url", "http://x.example/en/gradio_api/file={file}"), ("url", "data:,x"),
        ("url", "http://127.0.0.1:7860/en/gradio_api/file=/etc/passwd"), ("url", 3), ("url", ["x"]),
        ("orig_name", "../../x"), ("orig_name", "a\\b"), ("orig_name", ".."), ("orig_name", 3), ("path", {"a": 1}),
        ("path", ["{file}"]), ("Path", "/etc/passwd"), (" path", "/etc/passwd"),
    ],
)  # fmt: skip
def test_what_else_is_said_of_a_file(uploads: Path, key: str, value: Any) -> None:
    guard = Guard(echo, largest=2_000, local=True, uploads=uploads)
    file = str(uploads / "x" / "a.png")
    value = value.replace("{file}", file) if isinstance(value, str) else value
    body = json.dumps({"data": [[{"image": {"path": file, key: value}}]]}).encode()
    assert ask(guard, JOIN, (body,), "POST")[0] == 403


@pytest.mark.parametrize(
    "body",
    [
        b"{no json", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 50_000, b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"), '{"a": 1}'.encode("utf-32"), b"\xff",
    ],
)  # fmt: skip
def test_a_body_that_could_be_read_in_two_ways(uploads: Path, body: bytes) -> None:
    guard = Guard(echo, largest=100_000, local=True, uploads=uploads)
    assert ask(guard, JOIN, (body,), "POST", content_type="application/json")[0] == 400


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip"])
def test_a_compressed_body(guard: Guard, encoding: str) -> None:
    assert ask(guard, JOIN, (b"{}",), "POST", content_encoding=encoding)[0] == 415
    assert ask(guard, JOIN, (b"{}",), "POST", content_encoding="identity")[0] == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("", b"x"), ("application/json", b"{}"), ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\ncontent-disposition: form-data; name=files\r\n\r\nabc"),
    ],
)  # fmt: skip
def test_an_upload_that_is_cut_short(guard: Guard, kind: str, body: bytes) -> None:
    assert ask(guard, "/en/gradio_api/upload", (body,), "POST", content_type=kind)[0] == 400
    assert (
        ask(guard, "/en/gradio_api/upload", (b"--x--\r\n",), "POST", content_type='Multipart/Form-Data; boundary="x"')[
            0
        ]
        == 200
    )
