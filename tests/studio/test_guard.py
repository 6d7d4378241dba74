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
    guard: Guard, path: str = "/", body: tuple[bytes, ...] = (b"",), **headers: str
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
        "path": path,
        "headers": [(key.encode(), value.encode()) for key, value in named.items()],
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
    assert ask(guard, content_length="-1")[0] == 413
    assert ask(guard, content_length="5")[0] == 200
    assert ask(guard, body=(b"x" * 60, b"x" * 60))[0] == 413
    status, _, body = ask(guard, body=(b"x" * 60, b"x" * 60), content_type="application/json")
    assert (status, "20 MB" in json.loads(body)["error"]) == (413, True)


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
    ],
)
def test_addresses_and_ways_out_are_forbidden(guard: Guard, path: str) -> None:
    assert ask(guard, path)[0] == 403


@pytest.mark.parametrize(
    "path", ["http://x.example/a.png", " HTTPS://x", "//x/y", "data:image/png;base64,AA", "file:///etc/passwd",
             "/etc/passwd", "etc/passwd", "/tmp/gradio/../passwd", "/tmp/gradio-x/a.png", "\0"]
)  # fmt: skip
def test_a_file_that_was_not_uploaded_is_forbidden(guard: Guard, path: str) -> None:
    guard.largest = 1000
    escaped = json.dumps({"data": [[{"path": path}]]}).replace("p", "\\u0070")
    for text in (json.dumps({"data": [1, {"path": path, "meta": {}}]}), escaped):
        assert ask(guard, body=(text.encode(),), content_type="application/json; charset=utf-8")[0] == 403
    fine = json.dumps({"data": [{"path": "/tmp/gradio/x/a.png", "url": "http://127.0.0.1:7860/a.png"}, "http://x"]})
    assert ask(guard, body=(fine.encode(),), content_type="application/json")[2] == str(len(fine))
    assert ask(guard, body=(b"{no json",), content_type="application/json")[2] == "8"
