"""Hostile requests to a studio as a user starts it, byte for byte: each is refused, and no file is opened."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.network]

START = """
import os, sys
canary, log = os.environ["CANARY"], os.open(os.environ["OPENED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def watch(event, arguments):
    if event in ("open", "os.listdir", "os.scandir", "shutil.copyfile") and canary in str(arguments[0]):
        os.write(log, f"{event} {arguments[0]}\\n".encode())
sys.addaudithook(watch)
from escalera.cli import main
main()
"""
"""The studio, writing down whenever it opens the canary."""

MODEL = "tiny/cnn/seed-0"
JOIN, CALL, RUN = "/en/gradio_api/queue/join", "/en/gradio_api/call/predict", "/en/gradio_api/run/predict"
UPLOAD, PREDICT = "/en/gradio_api/upload", f"/predict?model={MODEL}"
JSON = "application/json"


@dataclass(frozen=True)
class Studio:
    """A studio that runs: its port, the file it must not open, and where it writes down that it did."""

    port: int
    canary: Path
    opened: Path


@pytest.fixture(scope="module")
def door(climbed_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("door")
    canary = folder / "canary.png"
    canary.write_bytes(b"\x89PNG\r\n\x1a\nnobody uploaded this")
    (folder / "gradio").mkdir()
    (folder / "gradio" / "link.png").symlink_to(canary)
    (folder / "gradio" / "away").symlink_to(folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = {"CANARY": str(canary), "OPENED": str(folder / "opened"), "GRADIO_TEMP_DIR": str(folder / "gradio")}
    process = subprocess.Popen(
        [sys.executable, "-c", START, "studio", "--port", str(port), "--out", str(climbed_once)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env={**os.environ, "ESCALERA_CACHE": str(climbed_once.parent / "cache"), **more},
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    assert f"http://127.0.0.1:{port}/" in process.stdout.readline()
    yield Studio(port, canary, folder / "opened")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert "Traceback" not in process.stderr.read()
    process.stdout.close()
    process.stderr.close()


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
        )
    },
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
    "upload cut short": request(UPLOAD, "--x\r\ncontent-disposition: form-data; name=files; filename=a.png\r\n\r\nabc",
                                "multipart/form-data; boundary=x"),
    "upload as JSON": request(UPLOAD, Q),
    # hosts, origins, lengths
    "host [": request("/", kind=None, method="GET").replace(b"127.0.0.1:PORT", b"["),
    "host elsewhere": request("/", kind=None, method="GET").replace(b"127.0.0.1:PORT", b"evil.example"),
    "no host": b"GET / HTTP/1.0\r\n\r\n",
    "origin [": request(CALL, "{}", JSON, "Origin: http://["),
    "origin elsewhere": request(CALL, "{}", JSON, "Origin: http://evil.example"),
    "length ²": request(CALL, b"", None).replace(b"Content-Length: 0", "Content-Length: ²".encode()),
    "length of 30 MB": request(PREDICT, b"", None).replace(b"Content-Length: 0", b"Content-Length: 30000000"),
    "a name of 300 characters": request(f"/predict?model={'x' * 300}", b"x", None),
    "a seed of 5,000 digits": request(f"/predict?model=tiny/cnn/seed-{'9' * 5_000}", b"x", None),
    "a way out as model": request("/predict?model=../../canary/seed-0", b"x", None),
    "a null character as model": request("/predict?model=tiny/cnn/seed-0%00", b"x", None),
    "top of 5,000 digits": request(f"{PREDICT}&top={'9' * 5_000}", b"x", None),
    "top ²": request(f"{PREDICT}&top=%C2%B2", b"x", None),
    "attributes nested without end": request(f"{PREDICT}&attributes={'[' * 3_000}", b"x", None),
}  # fmt: skip


def told(door: Studio, raw: bytes) -> bytes:
    folder = str(door.canary.parent)
    found = raw.replace(b"CANARY", str(door.canary).encode()).replace(b"FOLDER", folder.encode())
    found = found.replace(b"PORT", str(door.port).encode())
    head, gap, body = found.partition(b"\r\n\r\n")
    # The body grew with the name; lengths that lie on purpose are those of bodies without one.
    real = len(raw.partition(b"\r\n\r\n")[2])
    head = head.replace(f"\r\nContent-Length: {real}".encode(), f"\r\nContent-Length: {len(body)}".encode())
    return head + gap + body


def test_there_are_as_many_as_promised():
    assert len(HOSTILE) >= 60


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_request_is_refused(name: str, door: Studio):
    status, answer = ask(door.port, told(door, HOSTILE[name]))
    assert 400 <= status < 500, (name, answer[:300])
    assert b"Traceback" not in answer
    assert not door.opened.exists() or not door.opened.read_text(), door.opened.read_text()


def test_the_canary_would_be_heard(door: Studio, tmp_path: Path):
    """The hook works: a studio that opens the file says so."""
    log = tmp_path / "opened"
    code = START.replace("from escalera.cli import main\nmain()", f"open({str(door.canary)!r}).close()")
    environment = {**os.environ, "CANARY": str(door.canary), "OPENED": str(log)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert str(door.canary) in log.read_text()


def test_who_leaves_in_mid_body_leaves_no_trace(door: Studio):
    for target in (CALL, UPLOAD, PREDICT):
        raw = told(door, request(target, b"", JSON)).replace(b"Content-Length: 0", b"Content-Length: 500") + b"{"
        with socket.create_connection(("127.0.0.1", door.port)) as connection:
            connection.sendall(raw)
    assert ask(door.port, told(door, request("/models", kind=None, method="GET")))[0] == 200


@pytest.mark.parametrize(
    ("target", "method"),
    [("/", "GET"), ("/en/", "GET"), ("/es/", "HEAD"), ("/models", "GET"), ("/en/config", "GET"),
     ("/en/theme.css", "GET"), ("/en/gradio_api/info", "GET"), ("/favicon.ico", "GET"), ("/manifest.json", "GET")],
)  # fmt: skip
def test_an_honest_request_is_answered(target: str, method: str, door: Studio):
    assert ask(door.port, told(door, request(target, kind=None, method=method)))[0] in (200, 307)
