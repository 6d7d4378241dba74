"""Hostile requests to a studio as a user starts it, byte for byte: each is refused, and no file is opened."""

import gzip
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]

MODEL = "tiny/cnn/seed-0"
API = "/en/gradio_api"
JOIN, CALL, RUN = f"{API}/queue/join", f"{API}/call/predict", f"{API}/run/predict"
CANCEL, RESET = f"{API}/cancel", f"{API}/reset"
UPLOAD, PREDICT = f"{API}/upload", f"/predict?model={MODEL}"
JSON = "application/json"


def ask(port: int, raw: bytes) -> tuple[int, bytes]:
    """The status and the whole answer to bytes as they are; 0 where the connection was closed without one."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(raw)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0, answer


def request(
    target: str, body: bytes | str = b"", kind: str | None = JSON, *more: str, method: str = "POST", length: bool = True
) -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"{method} {target} HTTP/1.1", "Connection: close", *more]
    lines += [] if any(line.lower().startswith("host:") for line in more) else ["Host: 127.0.0.1:PORT"]
    lines += [f"Content-Type: {kind}"] if kind is not None else []
    lines += [f"Content-Length: {len(raw)}"] if length and (raw or method == "POST") else []
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + raw


def question(path: str = "CANARY", **more: object) -> str:
    """The question that told what is in a picture that nobody had uploaded."""
    file = {"path": path, "meta": {"_type": "gradio.FileData"}, **more}
    return json.dumps({"data": [MODEL, [file], "", 5], "fn_index": 0, "session_hash": "x"})


def chunked(body: str) -> bytes:
    half = len(body) // 2
    parts = "".join(f"{len(part):x}\r\n{part}\r\n" for part in (body[:half], body[half:]))
    return f"{parts}0\r\n\r\n".encode()


def upload(
    filename: str = "a.png", name: str = "files", kind: str = "boundary=x", more: str = "", end: str = "--x--\r\n"
) -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    return request(UPLOAD, f"--x\r\n{head}{more}\r\n\r\nabc\r\n{end}", f"multipart/form-data; {kind}")


def asked(**changed: object) -> bytes:
    """A question of the page, with something else in it."""
    return request(JOIN, json.dumps({"data": [MODEL], "fn_index": 0, "session_hash": "x", **changed}))


Q = question()
HOSTILE: dict[str, bytes] = {
    # types and cases of the header that was once believed
    **{
        f"call as {kind!r}": request(CALL, Q, kind)
        for kind in (JSON, "Application/JSON", "APPLICATION/JSON; charset=UTF-8", "application/x+json",
                     "application/json ", "text/json", "text/plain",
                     "application/vnd.api+json", "multipart/form-data; boundary=x", "", None,
                     "application/x-www-form-urlencoded", " application/json", "application/json;x=y", "image/png")
    },
    "join": request(JOIN, Q, "Application/JSON"),
    "run": request(RUN, Q, "application/x+json"),
    "run with a slash": request(RUN + "/", Q),
    "call in Spanish": request(CALL.replace("/en/", "/es/"), Q, "text/plain"),
    # encodings
    **{f"in {name}": request(CALL, Q.encode(name), JSON) for name in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig")},
    "charset utf-16": request(CALL, Q.encode("utf-16"), "application/json; charset=utf-16"),
    "escaped": request(CALL, Q.replace("path", "\\u0070\\u0061th")),
    "key in capitals": request(CALL, Q.replace('"path"', '"PATH"')),
    "gzip": request(CALL, gzip.compress(Q.encode()), JSON, "Content-Encoding: gzip"),
    "Deflate": request(CALL, Q, JSON, "Content-Encoding: Deflate"),
    "chunked": request(CALL, chunked(Q), JSON, "Transfer-Encoding: chunked", length=False),
    "chunked and long": request(CALL, chunked(Q), JSON, "Transfer-Encoding: chunked"),
    # two of a kind
    "two types": request(CALL, Q, "text/plain", "Content-Type: application/json"),
    "two lengths": request(CALL, Q, JSON, "Content-Length: 2"),
    "two hosts": request(CALL, Q, JSON, "Host: 127.0.0.1:PORT", "Host: evil.example"),
    "two keys": request(CALL, Q.replace('"path"', '"path": "/x", "path"')),
    "data twice": request(CALL, Q.replace('"data"', '"data": [], "data"')),
    # other ways to name a file
    "url": request(CALL, question("", url="file://CANARY")),
    "url of a machine": request(CALL, question("http://127.0.0.1:1/a.png", url="http://127.0.0.1:1/a.png")),
    "url beside": request(CALL, question(url="http://127.0.0.1:PORT/en/gradio_api/file=CANARY")),
    "orig_name": request(CALL, question(orig_name="../../x")),
    "file scheme": request(CALL, question("file://CANARY")),
    "relative": request(CALL, question("../canary.png")),
    "link in the folder": request(CALL, question("FOLDER/gradio/link.png")),
    "link to a folder": request(CALL, question("FOLDER/gradio/away/canary.png")),
    "way out of the folder": request(CALL, question("FOLDER/gradio/../canary.png")),
    "null character": request(CALL, question("CANARY\0.png")),
    "path as list": request(CALL, Q.replace('"CANARY"', '["CANARY"]')),
    "path as object": request(CALL, Q.replace('"CANARY"', '{"path": "CANARY"}')),
    "deep in lists": request(CALL, json.dumps({"data": [[[{"image": [{"a": {"path": "CANARY"}}]}]]]})),
    "beside the data": request(JOIN, json.dumps({"data": [], "event_data": {"path": "CANARY"}, "fn_index": 0})),
    "not a number": request(CALL, '{"data": [NaN]}'),
    "nested without end": request(CALL, "[" * 100_000),
    # files and addresses by path
    **{
        f"GET {target}": request(target, kind=None, method="GET")
        for target in (
            "/en/gradio_api/file=CANARY", "/en/gradio_api/file=%2e%2e/canary.png", "/en/file=CANARY", "/file=CANARY",
            "/en/gradio_api/file/CANARY", "/en/gradio_api/file=FOLDER/gradio/link.png",
            "/en/gradio_api/file=FOLDER/gradio/../canary.png",
            "/en/gradio_api/file=FOLDER/gradio/%252e%252e/canary.png",
            "/en/gradio_api/proxy=http://127.0.0.1:1/", "/en/gradio_api/file=http://127.0.0.1:1/",
            "/en/static/../../../../CANARY", "/en/assets/..%2f..%2f..%2f..%2fCANARY", "/report/..%2f..%2fcanary.png",
            "/model/../../canary", "/explored/en/..", "/en/dev/reload", "/en/gradio_api/vibe-code/", "/en/runs",
            "/en/gradio_api/stream/a/1/2/playlist.m3u8", "/en/monitoring", "/en/custom_component/1/server/x/CANARY",
            "/en/gradio_api/deep_link?session_hash=CANARY", "/openapi.json", "/docs",
            "/en/config?deep_link=..%2f..%2fcanary", "/en/config?page=x",
            "/en/gradio_api/queue/data?session_hash=a&path=CANARY", "/en/gradio_api/user",
            "/en/gradio_api/info?serialize=False&serialize=True", "/models?path=CANARY", "/en/svelte/../../CANARY",
            "/en/gradio_api/mcp/sse", "/en/gradio_api/mcp/schema", "/en/gradio_api/run-history/records",
            "/en/gradio_api/file=file://CANARY", "/en/gradio_api/file=FOLDER/gradio/away/canary.png",
            "/en/gradio_api/file=%2e%2e%5ccanary.png", "/en/gradio_api/FILE=CANARY", "/en/gradio_api%2ffile=CANARY",
            "/en/pwa_icon/9", "/en/gradio_api/file=C:%5Ccanary.png", "/en/gradio_api/file=FOLDER/gradio//link.png",
            "//en/", f"/en/assets/{'a' * 300}", f"/en/static/{'a/' * 1_500}", f"/explored/{'a' * 300}/x",
            f"/model/{'x' * 5_000}", "/report/%ff", "/%ff", "/en/%zz", "/explored/en/CANARY",
            "/model/tiny/cnn/seed-0%00",
        )
    },
    "the API of before": request(f"{API}/api/predict", Q),
    "stream": request(f"{API}/stream/x", Q),
    "component server": request("/en/gradio_api/component_server", Q),
    "process recording": request("/en/gradio_api/process_recording", Q),
    "log in": request("/en/login", "username=a&password=b", "application/x-www-form-urlencoded"),
    # other methods, and no HTTP at all
    **{f"{name} call": request(CALL, Q, method=name) for name in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "GET")},
    "websocket": request(
        JOIN, "", None, "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", method="GET",
    ).replace(b"Connection: close", b"Connection: Upgrade"),
    # uploads
    **{
        f"upload as {name!r}": upload(name)
        for name in ("../../x.png", "/etc/x.png", "FOLDER/x.png", "a/b.png", "..", ".", "..\\x.png", "a\0.png", "a\n")
    },
    "upload cut short": upload(end=""),
    "upload cut at its end": upload(end="--x-"),
    "upload that ends twice": upload(end="--x--\r\nmore"),
    "upload of nothing": request(UPLOAD, "--x--\r\n", "multipart/form-data; boundary=x"),
    "upload without a body": request(UPLOAD, "", "multipart/form-data; boundary=x"),
    "upload as JSON": request(UPLOAD, Q),
    "upload of a text": upload(""),
    "upload under another name": upload(name="file"),
    "upload with another boundary": upload(kind="boundary=y"),
    "upload with two boundaries": upload(kind="boundary=y; boundary=x; boundary=z"),
    "upload with a long boundary": upload(kind=f"boundary={'x' * 300}"),
    "upload that says twice what it is": upload(more='\r\nContent-Disposition: form-data; name="files"; filename="/x"'),
    "upload named by RFC 5987": upload("", more="; filename*=UTF-8''..%2f..%2fx.png"),
    "upload asked otherwise": upload().replace(b"/upload ", b"/upload?dir=FOLDER "),
    "upload without a kind": request(UPLOAD, "abc", None),
    "gzipped upload": upload().replace(b"Connection: close", b"Connection: close\r\nContent-Encoding: gzip"),
    # questions that gradio could not answer
    "call of nobody": request(f"{API}/call/nobody", Q),
    "call of the second version": request(f"{API}/call/v2/predict", Q),
    "call with too little": request(CALL, '{"data": []}'),
    "call with a function": request(CALL, Q.replace('"data"', '"fn_index": 1, "data"')),
    "no function": asked(fn_index=99_999),
    "a function before the first": asked(fn_index=-1),
    "true as a function": asked(fn_index=True),
    "a function of 4,000 digits": asked(fn_index=10**4_000),
    "too much": asked(data=[0] * 99),
    "a list as object": asked(data={"0": "CANARY"}),
    "more than the page says": asked(request={"path": "x"}),
    "half a character": asked(data=["\ud800"]),
    "half a character as a key": asked(data=[{"\udfff": 1}]),
    "half a character as a session": request(CANCEL, '{"session_hash": "\\ud800", "fn_index": 0}'),
    "no number as a session": request(RESET, '{"event_id": 1e999}'),
    "no body": request(JOIN),
    "a file to cancel": request(CANCEL, '{"session_hash": "x", "fn_index": 0, "event_id": {"path": "CANARY"}}'),
    # hosts, origins, lengths
    "host [": request("/", kind=None, method="GET").replace(b"127.0.0.1:PORT", b"["),
    **{
        f"host {name!r}": request("/en/config", "", None, f"Host: {name}", method="GET")
        for name in ("", "]", "evil.example#127.0.0.1", "a@127.0.0.1", "127.0.0.1/x", "127.0.0.1:x", "evil\\@127.0.0.1")
    },
    "absolute address": request("http://127.0.0.1:PORT/en/config", "", None, method="GET"),
    "address of another": request("http://evil.example/en/config", "", None, method="GET"),
    "host elsewhere": request("/", kind=None, method="GET").replace(b"127.0.0.1:PORT", b"evil.example"),
    "no host": b"GET / HTTP/1.0\r\n\r\n",
    "origin [": request(CALL, "{}", JSON, "Origin: http://["),
    "origin elsewhere": request(CALL, "{}", JSON, "Origin: http://evil.example"),
    "length ²": request(CALL, b"", None).replace(b"Content-Length: 0", "Content-Length: ²".encode()),
    "length １２": request(CALL, b"", None).replace(b"Content-Length: 0", "Content-Length: １２".encode()),
    "length -1": request(CALL, b"", None).replace(b"Content-Length: 0", b"Content-Length: -1"),
    "no length": request(CALL, b"", None).replace(b"Content-Length: 0", b"Content-Length:"),
    "chunked otherwise": request(CALL, chunked(Q), JSON, "Transfer-Encoding: gzip, chunked", length=False),
    "a chunk below nothing": request(CALL, "-5\r\nhello\r\n0\r\n\r\n", JSON, "Transfer-Encoding: chunked",
                                     length=False),
    "length of 30 MB": request(PREDICT, b"", None).replace(b"Content-Length: 0", b"Content-Length: 30000000"),
    "a name of 300 characters": request(f"/predict?model={'x' * 300}", b"x", None),
    "a seed of 5,000 digits": request(f"/predict?model=tiny/cnn/seed-{'9' * 5_000}", b"x", None),
    "a way out as model": request("/predict?model=../../canary/seed-0", b"x", None),
    "a null character as model": request("/predict?model=tiny/cnn/seed-0%00", b"x", None),
    "top of 5,000 digits": request(f"{PREDICT}&top={'9' * 5_000}", b"x", None),
    "top ²": request(f"{PREDICT}&top=%C2%B2", b"x", None),
    "half a character as an attribute": request(f"{PREDICT}&attributes={{%22%5Cud800%22:1}}", b"x", None),
    "an attribute twice": request(f"{PREDICT}&attributes={{%22a%22:1,%22a%22:2}}", b"x", None),
    "no number as an attribute": request(f"{PREDICT}&attributes={{%22a%22:1e999}}", b"x", None),
    "two models": request(f"{PREDICT}&model={MODEL}", b"x", None),
    "a value that is none": request(f"{PREDICT}&path=CANARY", b"x", None),
    "a form cut short": request(PREDICT, "--x\r\ncontent-disposition: form-data; name=file\r\n\r\nabc",
                                "multipart/form-data; boundary=x"),
    "attributes nested without end": request(f"{PREDICT}&attributes={'[' * 3_000}", b"x", None),
}  # fmt: skip


def told(door: Any, raw: bytes) -> bytes:
    found = raw.replace(b"CANARY", str(door.canary).encode()).replace(b"FOLDER", str(door.folder).encode())
    found = found.replace(b"PORT", str(door.port).encode())
    head, gap, body = found.partition(b"\r\n\r\n")
    # The body grew with the name; lengths that lie on purpose are those of bodies without one.
    real = len(raw.partition(b"\r\n\r\n")[2])
    head = head.replace(f"\r\nContent-Length: {real}".encode(), f"\r\nContent-Length: {len(body)}".encode())
    return head + gap + body


def test_there_are_as_many_as_promised() -> None:
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_refused(name: str, door: Any) -> None:
    before = door.log()
    status, answer = ask(door.port, told(door, HOSTILE[name]))
    assert 400 <= status < 500, (name, answer[:300])
    assert b"Traceback" not in answer and "Traceback" not in door.log().removeprefix(before)
    assert door.heard() == ""
    assert {path.name for path in door.folder.iterdir()} == {"canary.png", "gradio", "opened", "log"}


def test_a_websocket_is_closed(door: Any) -> None:
    raw = HOSTILE["websocket"].replace(b"/en/gradio_api/queue/join", b"/")
    assert 400 <= ask(door.port, told(door, raw))[0] < 500


@pytest.mark.parametrize("code", ["en", "es"])
def test_no_function_of_the_page_takes_a_name_for_a_file(code: str, door: Any) -> None:
    """Every function of the page, asked by its number with the canary's name as each of its values."""
    name = str(door.canary)
    _, answer = ask(door.port, told(door, request(f"/{code}/config", kind=None, method="GET")))
    functions = [found for found in json.loads(answer.partition(b"\r\n\r\n")[2])["dependencies"] if found["inputs"]]
    assert len(functions) > 20
    for function in functions:
        for value in (name, [name], {"value": name}, f"../../../../../..{name}", {"headers": [name], "data": [[name]]}):
            values = {"data": [value] * len(function["inputs"]), "fn_index": function["id"], "session_hash": "door"}
            assert ask(door.port, told(door, request(f"/{code}/gradio_api/queue/join", json.dumps(values))))[0] == 200
        # Those of a session are answered one after the other, and all of them when this ends.
        data = request(f"/{code}/gradio_api/queue/data?session_hash=door", kind=None, method="GET")
        assert b"process_completed" in ask(door.port, told(door, data))[1]
    assert door.heard() == ""


def test_the_canary_would_be_heard(door: Any, tmp_path: Path) -> None:
    """The hook works: a studio that opens the file says so, by whatever way."""
    (tmp_path / "link.png").symlink_to(door.canary)
    name = str(door.canary)
    for deed in (
        f"open({name!r}).close()", "open('link.png').close()", "import shutil; shutil.copy('link.png', 'x.png')",
        f"os.close(os.open({name.encode()!r}, os.O_RDONLY))", f"os.link({name!r}, 'y.png')",
    ):  # fmt: skip
        log = tmp_path / "opened"
        code = door.start.replace("from escalera.cli import main\nmain()", deed)
        environment = {**os.environ, "CANARY": name, "OPENED": str(log)}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True, cwd=tmp_path)
        assert log.read_text(), deed
        log.unlink()


def test_who_leaves_in_mid_body_leaves_no_trace(door: Any) -> None:
    before = door.log()
    for target in (CALL, UPLOAD, PREDICT):
        raw = told(door, request(target, b"", JSON)).replace(b"Content-Length: 0", b"Content-Length: 500") + b"{"
        with socket.create_connection(("127.0.0.1", door.port)) as connection:
            connection.sendall(raw)
    assert ask(door.port, told(door, request("/models", kind=None, method="GET")))[0] == 200
    assert "Traceback" not in door.log().removeprefix(before)
