"""What stands in front of the studio: who may ask, and how much."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from escalera.inference.serving.forms import read_form
from escalera.inference.serving.guard import Message, Receive, Scope, Send
from escalera.studio.guard import Guard

UPLOADS = Path("/tmp/gradio")
INPUTS = {"0": 1, "1": 2, "predict": 2}


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
    query: str = "",
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
        "query_string": query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in [*named.items(), *([twice] if twice else [])]],
    }
    asyncio.run(guard(scope, receive, send))
    got = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
    return sent[0]["status"], got, b"".join(message["body"] for message in sent[1:]).decode()


@pytest.fixture
def guard() -> Guard:
    return Guard(echo, largest=100, local=True, uploads=UPLOADS, inputs=INPUTS)


def test_what_is_in_order_passes_with_the_policy(guard: Guard) -> None:
    status, headers, body = ask(guard, "/predict", (b"abc", b"de"), "POST")
    assert (status, body) == (200, "5")
    assert ask(guard, body=(b"abc",))[2] == "0"  # nothing that is read with GET has a body
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "http:" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    for host in ("localhost", "[::1]:7860", "127.0.0.1"):
        assert ask(guard, host=host)[0] == 200


def test_another_name_does_not_lead_here(guard: Guard) -> None:
    assert ask(guard, host="evil.example:7860")[0] == 403
    assert ask(Guard(echo, largest=100, local=False, uploads=UPLOADS, inputs=INPUTS), host="studio.example")[0] == 200


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
    assert (status, json.loads(body)["error"]) == (413, "too large: at most 100 bytes are taken")
    studio = Guard(echo, largest=20_100_000, local=True, uploads=UPLOADS, inputs=INPUTS)
    assert "at most 20 MB are taken" in ask(studio, content_length="20100001")[2]


@pytest.mark.parametrize("length", ["-1", "²", "１２", "1e2", "x", "1,2", ""])
def test_a_length_that_is_no_number(guard: Guard, length: str) -> None:
    assert ask(guard, content_length=length)[0] == 400


@pytest.mark.parametrize(
    "host",
    ["[", "", "127.0.0.1:7860@evil.example", "evil.example#127.0.0.1", "][", "a@127.0.0.1", "127.0.0.1/x",
     "127.0.0.1?x", "evil\\@127.0.0.1", "127.0.0.1:x", "127.0.0.1:-1", "127.0.0.1:65536", "127.0.0.1:999999",
     "127.0.0.1:²", "[::1", "127.0.0.1 ", "127.0.0.1, evil.example", "127.0.0.1\n"],
)  # fmt: skip
def test_a_host_that_is_none(guard: Guard, host: str) -> None:
    status, _, body = ask(guard, host=host)
    assert (status, json.loads(body)["error"]) == (403, "this server answers to 127.0.0.1 and localhost alone")
    anywhere = Guard(echo, largest=100, local=False, uploads=UPLOADS, inputs=INPUTS)
    status, _, body = ask(anywhere, host=host)
    assert (status, json.loads(body)["error"]) == (403, "this server answers to the name of a host")


def test_names_of_this_machine(guard: Guard) -> None:
    for host in ("LOCALHOST:7860", "localhost", "[::1]", "127.0.0.1:80"):
        assert ask(guard, host=host)[0] == 200
        assert ask(guard, host=host, origin=f"http://{host}".lower())[0] == 200


@pytest.mark.parametrize(
    "origin", ["http://[", "//", "http://127.0.0.1:7860@evil.example", "", "http://127.0.0.1:7860/"]
)
def test_an_origin_that_is_none(guard: Guard, origin: str) -> None:
    assert ask(guard, origin=origin)[0] == 403


@pytest.mark.parametrize("name", ["host", "origin", "content-type", "content-length", "authorization"])
def test_a_header_given_twice(guard: Guard, name: str) -> None:
    once: dict[str, Any] = {name.replace("-", "_"): "127.0.0.1:7860"}
    assert ask(guard, twice=(name, "127.0.0.1:7860"), **once)[0] == 400


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
        "/en/gradio_api/run/predict",
        "/en/gradio_api/api/predict",
        "/en/gradio_api/stream/x",
        "/en/gradio_api/component_server",
        "/en/gradio_api/mcp/sse",
        "/en/svelte/x.js",
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

    headers = [(b"host", b"127.0.0.1")]
    scope = {"type": "http", "path": "/predict", "method": "POST", "query_string": b"", "headers": headers}
    asyncio.run(Guard(never, largest=100, local=True, uploads=UPLOADS, inputs=INPUTS)(scope, receive, send))


JOIN, CALL = "/en/gradio_api/queue/join", "/en/gradio_api/call/"


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/x+json", "text/plain", "", "image/png"]
)
def test_a_body_is_looked_at_whatever_it_says_of_itself(tmp_path: Path, kind: str) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "a.png").write_bytes(b"png")
    (tmp_path / "secret.png").write_bytes(b"secret")
    guard = Guard(echo, largest=2_000, local=True, uploads=tmp_path / "up", inputs=INPUTS)
    fine = {"fn_index": 1, "data": [{"path": str(tmp_path / "up" / "a.png"), "meta": {}}, "ñ"]}
    text = json.dumps(fine, ensure_ascii=False)
    assert ask(guard, JOIN, (text.encode(),), "POST", content_type=kind)[0] == 200
    foreign = text.replace("up/a.png", "secret.png")
    for body in (
        foreign.encode(),
        foreign.replace("path", "\\u0070ath").encode(),
        foreign.replace("path", "PATH").encode(),
    ):
        status, _, answer = ask(guard, JOIN, (body[:20], body[20:]), "POST", content_type=kind)
        assert (status, json.loads(answer)["error"]) == (403, "files are uploaded, and named as such")
    for encoding in ("utf-16", "utf-32-le", "utf-8-sig"):
        status, _, answer = ask(guard, JOIN, (text.encode(encoding),), "POST", content_type=kind)
        assert (status, json.loads(answer)["error"]) == (400, "expected JSON in UTF-8")


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate", "br", "zstd", "identity, gzip"])
def test_a_compressed_body(guard: Guard, encoding: str) -> None:
    assert ask(guard, JOIN, (b"{}",), "POST", content_encoding=encoding)[0] == 415
    fine = b'{"data": [1], "fn_index": 0}'
    assert ask(guard, JOIN, (fine,), "POST", content_encoding="identity")[0] == 200


def handed_on(
    path: str, body: bytes = b"", method: str = "POST", query: str = "", **headers: str
) -> tuple[Scope, bytes]:
    """What those behind get of a request that passes."""
    got: list[Any] = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        got.extend([scope, (await receive())["body"]])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guard = Guard(behind, largest=5_000, local=True, uploads=UPLOADS, inputs=INPUTS)
    assert ask(guard, path, (body,), method, None, query, **headers)[0] == 200
    return got[0], got[1]


def test_what_stands_behind_reads_what_was_looked_at() -> None:
    scope, body = handed_on(JOIN, b' {"data" : ["\\u00f1"], "fn_index":0}', content_type="text/plain; charset=utf-16",
                            content_length="4", range="bytes=0-1", x_forwarded_host="evil.example", accept="*/*",
                            transfer_encoding="chunked", x_gradio_server="http://evil.example")  # fmt: skip
    assert body == '{"data": ["ñ"], "fn_index": 0}'.encode()
    assert dict(scope["headers"]) == {
        b"host": b"127.0.0.1:7860", b"accept": b"*/*", b"content-type": b"application/json",
        b"content-length": str(len(body)).encode(),
    }  # fmt: skip


def test_a_form_is_written_anew() -> None:
    raw = b'--x\r\nContent-Disposition: form-data; name=files; filename="a ~.png"\r\nX: y\r\n\r\nab\r\n--x--\r\n'
    scope, body = handed_on(
        "/en/gradio_api/upload", raw, query="upload_id=q", content_type="Multipart/Form-Data; boundary=x"
    )
    kind = dict(scope["headers"])[b"content-type"].decode()
    assert [(part.name, part.filename, part.content) for part in read_form(kind, body)] == [("files", "a ~.png", b"ab")]
    assert b"X: y" not in body and b"--x\r\n" not in body
    assert scope["query_string"] == b"upload_id=q"


@pytest.mark.parametrize(
    "query", ["deep_link=x", "page=x", "session_hash=a&x=1", "session_hash=a&session_hash=b", "SESSION_HASH=a", "x"]
)
def test_a_query_that_nobody_needs(query: str) -> None:
    guard = Guard(echo, largest=100, local=True, uploads=UPLOADS, inputs=INPUTS)
    for path in ("/en/config", "/es/gradio_api/queue/data", "/models", "/en/gradio_api/info", "/en/assets/x.js"):
        status, _, body = ask(guard, path, query=query)
        expected = "nothing is asked here but serialize, session_hash, upload_id, v, each once"
        assert (status, json.loads(body)["error"]) == (400, expected)
    # What a link added to the page's own address is not refused, nor is it handed on.
    for path, method, sent in (
        ("/", "GET", b""),
        ("/en/", "GET", b""),
        (JOIN, "POST", b'{"data": [1], "fn_index": 0}'),
    ):
        assert b"deep_link" not in handed_on(path, sent, method, query)[0]["query_string"]
    assert handed_on("/predict", b"x", query="model=a%20b&top=3")[0]["query_string"] == b"model=a%20b&top=3"


@pytest.mark.parametrize(
    "path",
    ["/en/assets/" + "a" * 300, "/en/assets/" + "abc/" * 700, "/explored/" + "ñ" * 130 + "/x", "/model/" + "a" * 5_000],
)
def test_names_that_no_system_takes(guard: Guard, path: str) -> None:
    status, _, body = ask(guard, path)
    assert (status, json.loads(body)["error"]) == (404, "there is nothing here: the name is too long")


@pytest.mark.parametrize(
    ("path", "question", "message"),
    [
        (JOIN, [], "expected a JSON object, received list"),
        (JOIN, {"data": [1], "fn_index": 7}, "there is no function '7' here"),
        (CALL + "x", {"data": [1, 2]}, "there is no function 'x' here"),
        (CALL + "predict", {"data": [1]}, "data: expected a list of 2 values, received 1"),
        (CALL + "predict", {"data": [1, 2], "fn_index": 0}, "unknown key 'fn_index'; known: data, session_hash"),
    ],
)
def test_a_question_that_gradio_could_not_answer(path: str, question: Any, message: str) -> None:
    guard = Guard(echo, largest=2_000, local=True, uploads=UPLOADS, inputs=INPUTS)
    status, _, body = ask(guard, path, (json.dumps(question).encode(),), "POST")
    assert (status, json.loads(body)["error"]) == (400, message)


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("", b"x", "expected multipart/form-data with a boundary"),
        ("multipart/form-data", b"--x--", "with a boundary"), ("application/json", b"{}", "with a boundary"),
        ("multipart/form-data; boundary=x", b"", "it is cut short"),
        ("multipart/form-data; boundary=x", b"--x--", "expected files as parts called files, received none"),
    ],
)  # fmt: skip
def test_an_upload_that_is_none(kind: str, body: bytes, message: str) -> None:
    guard = Guard(echo, largest=2_000, local=True, uploads=UPLOADS, inputs=INPUTS)
    status, _, answer = ask(guard, "/en/gradio_api/upload", (body,), "POST", content_type=kind)
    assert status == 400 and message in json.loads(answer)["error"]


@pytest.mark.parametrize(("code", "said"), [("en", "files are uploaded, and named"), ("es", "los archivos se suben")])
def test_the_page_is_answered_in_its_language(code: str, said: str) -> None:
    guard = Guard(echo, local=True, uploads=UPLOADS, inputs=INPUTS)
    body = json.dumps({"data": [{"path": "/etc/passwd"}], "fn_index": 0}).encode()
    status, _, text = ask(guard, f"/{code}/gradio_api/queue/join", (body,), "POST", content_length=str(len(body)))
    assert status == 403 and said in json.loads(text)["error"]
