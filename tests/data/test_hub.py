"""The hub, played by a server on 127.0.0.1: a set is downloaded once, and its absence is said soon."""

import hashlib
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from escalera.data.sources import hub
from escalera.data.sources.registry import KNOWN

pytestmark = pytest.mark.network

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CARD = b"""---
configs:
- config_name: default
  data_files:
  - {split: train, path: data/train-*}
  - {split: test, path: data/test-*}
---
"""

OPEN = """
from escalera.data.sources.open import open_source
from escalera.core.errors import DataError
try:
    opened = open_source("mnist", data_root=None, image_size=None, channels=None)
    print({split: some.labels.tolist() for split, some in opened.splits.items()}, opened.classes)
except DataError as error:
    print(error)
"""


class Hub(http.server.BaseHTTPRequestHandler):
    """The few answers that `load_dataset` asks for."""

    files: dict[str, bytes]

    def log_message(self, *arguments: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        _, _, name = path.partition("/resolve/")
        _, _, folder = path.partition("/tree/")
        name, folder = name.partition("/")[2], folder.partition("/")[2]
        if "/resolve/" in path:
            self.answer(self.files.get(name))
        elif "/tree/" in path:
            inside = [self.entry(file) for file in self.files if file.rpartition("/")[0] == folder]
            if not folder:
                inside.append({"type": "directory", "path": "data", "oid": COMMIT, "size": 0})
            self.answer(json.dumps(inside).encode())
        elif path.startswith("/api/datasets/ylecun/mnist"):
            files = [{"rfilename": file} for file in self.files]
            about = {"id": "ylecun/mnist", "sha": COMMIT, "private": False, "tags": [], "downloads": 0, "likes": 0}
            self.answer(json.dumps(about | {"siblings": files}).encode())
        else:
            self.answer(None)

    def entry(self, file: str) -> dict[str, object]:
        return {"type": "file", "path": file, "size": len(self.files[file]), "oid": etag(self.files[file])}

    def answer(self, body: bytes | None) -> None:
        self.send_response(200 if body is not None else 404)
        self.send_header("X-Repo-Commit", COMMIT)
        if body is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("ETag", f'"{etag(body or b"")}"')
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body or b"")


def etag(body: bytes) -> str:
    return hashlib.sha1(body).hexdigest()


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalera.core.hub._silent", {})


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    handler = type("Handler", (Hub,), {"files": {}})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def opened(endpoint: str, tmp_path: Path, **more: str) -> tuple[str, float]:
    """What a process of its own prints, since the hub's library reads its settings at import; and its seconds."""
    cleared = {
        key: value for key, value in os.environ.items() if not key.startswith("HF_") and "proxy" not in key.lower()
    }
    environment = cleared | {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf")} | more
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", OPEN], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip(), time.perf_counter() - start


@pytest.mark.slow
def test_a_set_is_downloaded_once(
    server: http.server.ThreadingHTTPServer, put: Callable[..., Path], png: Callable[..., bytes], tmp_path: Path
) -> None:
    numbers = KNOWN["mnist"].classes
    handler = server.RequestHandlerClass
    assert isinstance(handler, type) and issubclass(handler, Hub)
    for split, labels in (("train", [5, 0, 4]), ("test", [4, 5])):
        path = put("there", split, labels, [png(9, (28, 28))] * len(labels), names=list(numbers))
        handler.files[f"data/{split}-00000-of-00001.parquet"] = path.read_bytes()
    handler.files["README.md"] = CARD
    expected = f"{{'train': [5, 0, 4], 'test': [4, 5]}} {list(numbers)}"
    endpoint = f"http://127.0.0.1:{server.server_port}"
    assert opened(endpoint, tmp_path)[0] == expected
    handler.files.clear()
    assert opened("http://127.0.0.1:9", tmp_path)[0] == expected


def test_a_closed_port_is_noticed_soon(tmp_path: Path) -> None:
    text, seconds = opened("http://127.0.0.1:9", tmp_path)
    assert text == (
        "'mnist' is not on this machine, and the hub cannot be reached.\n"
        "Looked at:\n"
        "  --data-root: not given\n"
        "  ESCALERA_DATA: not given\n"
        f"  the cache: no {tmp_path}/cache/hub-mnist\n"
        "  the hub: ylecun/mnist: Connection refused (127.0.0.1:9)\n"
        "Put it in <data-root>/mnist, as folders of classes, train.parquet, a CSV or a .npz, and name <data-root> "
        "with --data-root or ESCALERA_DATA."
    )
    assert seconds < 5


def test_offline_by_choice_asks_nobody(tmp_path: Path) -> None:
    text, _ = opened("http://127.0.0.1:9", tmp_path, HF_HUB_OFFLINE="1")
    assert re.match(r"ylecun/mnist could not be loaded from the hub: .*OfflineModeIsEnabled.*\nLooked at:\n", text)


def test_a_hub_that_does_not_have_it(server: http.server.ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    assert hub.unreachable("nobody/nothing") == "it answered 404 Not Found"
    assert hub.unreachable("ylecun/mnist") is None


def test_a_name_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No timeout of a request covers the search for the host's address."""
    done = threading.Event()

    def search(*arguments: object, **settings: object) -> None:
        done.wait(10)
        raise OSError("no such host")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("urllib.request.urlopen", search)
    monkeypatch.setattr(hub, "_PATIENCE", 0.2)
    start = time.perf_counter()
    assert hub.unreachable("ylecun/mnist") == "no answer in 0.2 s"
    assert time.perf_counter() - start < 2
    done.set()


def test_a_hub_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(hub, "_PATIENCE", 0.3)
        start = time.perf_counter()
        reason = hub.unreachable("ylecun/mnist")
        assert reason in ("no answer in 0.3 s", f"timed out (127.0.0.1:{silent.getsockname()[1]})")
        assert time.perf_counter() - start < 2


def test_a_hub_that_was_silent_is_not_asked_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(request: urllib.request.Request, **settings: object) -> None:
        asked.append(request.full_url)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    for name in ("ylecun/mnist", "uoft-cs/cifar10"):
        assert hub.unreachable(name) == "Connection refused (127.0.0.1:9)"
    assert asked == ["http://127.0.0.1:9/api/datasets/ylecun/mnist"]
    monkeypatch.setattr("escalera.core.hub.SILENCE", 0.0)
    assert hub.unreachable("uoft-cs/cifar10") == "Connection refused (127.0.0.1:9)"
    assert len(asked) == 2
