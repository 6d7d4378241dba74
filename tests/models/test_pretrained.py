"""ImageNet weights from a hub of our own on 127.0.0.1, which also breaks off and lies about its checksums.

Each case runs in a process of its own: the hub's address is read when its library is imported.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save, save_file

from escalera.core.errors import EscaleraError
from escalera.models import pretrained

REPOSITORY = "timm/test_resnet.r160_in1k"
FETCH = """
import json, time
import timm, huggingface_hub
from escalera.core.errors import EscaleraError
from escalera.models.pretrained import imagenet_file, imagenet_tensors
started = time.monotonic()
try:
    path = imagenet_file("test_resnet")
    tensors = imagenet_tensors("test_resnet", path, (32, 32))
    print(json.dumps({"path": str(path), "sum": tensors["conv1.0.weight"].sum().item()}))
except EscaleraError as error:
    print(json.dumps({"error": str(error), "seconds": time.monotonic() - started}))
"""


class Hub(ThreadingHTTPServer):
    """Serves one file of weights: whole, cut short (`dropped`), or under a checksum that is not its own (`damaged`)."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.mode = "whole"
        self.downloads = 0


class Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, *, body: bool) -> None:
        hub = self.server
        if self.path.startswith("/api/models/"):
            content = json.dumps({"id": REPOSITORY, "sha": "c0ffee", "siblings": []}).encode()
            headers = {"Content-Type": "application/json"}
        elif self.path == f"/{REPOSITORY}/resolve/main/model.safetensors":
            content = hub.content
            honest = hashlib.sha256(content).hexdigest()
            etag = "0" * 64 if hub.mode == "damaged" else honest
            headers = {"ETag": f'"{etag}"', "X-Linked-Etag": f'"{etag}"', "X-Repo-Commit": "c0ffee" * 6 + "c0ff"}
        else:
            self.send_error(404)
            return
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body:
            weights = content is hub.content
            hub.downloads += weights
            self.wfile.write(content[: len(content) // 2] if weights and hub.mode == "dropped" else content)
            self.close_connection = True

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(5)
    return timm.create_model("test_resnet").state_dict()


@pytest.fixture
def hub(weights: dict[str, torch.Tensor]) -> Iterator[Hub]:
    server = Hub(save({key: value.contiguous() for key, value in weights.items()}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(home: Path, endpoint: str, **environment: str) -> tuple[dict[str, Any], str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HTTP", "http"))}
    variables = {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", FETCH], env={**inherited, **variables}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.mark.network
@pytest.mark.slow
def test_weights_are_fetched_once_with_a_bar(hub: Hub, weights: dict[str, torch.Tensor], tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{hub.server_port}"
    answer, said = fetch(tmp_path, address, TQDM_POSITION="-1")  # a bar though there is no terminal
    assert answer["sum"] == pytest.approx(weights["conv1.0.weight"].sum().item())
    assert "model.safetensors" in said
    assert "100%" in said
    assert hub.downloads == 1
    again, _ = fetch(tmp_path, "http://127.0.0.1:9", HF_HUB_OFFLINE="1")
    assert again == answer
    assert hub.downloads == 1


@pytest.mark.network
@pytest.mark.slow
def test_a_wrong_checksum_is_told_and_the_file_deleted(hub: Hub, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{hub.server_port}"
    hub.mode = "damaged"
    honest = hashlib.sha256(hub.content).hexdigest()
    answer, _ = fetch(tmp_path, address)
    assert answer["error"] == (
        f"the file model.safetensors of {REPOSITORY} arrived damaged: expected the SHA-256 000000000000..., "
        f"received {honest[:12]}.... It was deleted; climb again to fetch it anew."
    )
    hub.mode = "whole"
    assert "path" in fetch(tmp_path, address)[0]


@pytest.mark.network
@pytest.mark.slow
def test_a_dropped_connection_is_told_and_the_next_attempt_succeeds(hub: Hub, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{hub.server_port}"
    hub.mode = "dropped"
    answer, _ = fetch(tmp_path, address)
    assert str(answer["error"]).startswith(
        "the ImageNet weights of 'test_resnet' are not on this machine, and the hub does not give them: "
        "the download broke off: "
    )
    hub.mode = "whole"
    assert "path" in fetch(tmp_path, address)[0]


@pytest.mark.network
@pytest.mark.slow
def test_a_hub_that_is_not_there_or_has_nothing_is_told_within_seconds(hub: Hub, tmp_path: Path) -> None:
    answer, _ = fetch(tmp_path, "http://127.0.0.1:9")
    assert answer["error"] == (
        "the ImageNet weights of 'test_resnet' are not on this machine, and the hub does not give them: "
        "Connection refused (127.0.0.1:9). Climb again once it does, or get "
        f"http://127.0.0.1:9/{REPOSITORY}/resolve/main/model.safetensors on another machine and write its path here: "
        "model.weights: path/to/model.safetensors."
    )
    assert answer["seconds"] < 5  # timm alone tries for 46
    answer, _ = fetch(tmp_path, f"http://127.0.0.1:{hub.server_port}/nothing")
    assert "the hub does not give them: it answered 404 Not Found. Climb again" in str(answer["error"])


def test_the_answer_without_a_hub_takes_no_time() -> None:
    started = time.monotonic()
    with pytest.raises(EscaleraError, match=r"hub does not give them: HF_HUB_OFFLINE is set. Climb again once it does"):
        pretrained.imagenet_file("test_resnet")
    assert time.monotonic() - started < 5


def test_a_network_without_weights_on_the_hub() -> None:
    with pytest.raises(EscaleraError) as caught:
        pretrained.imagenet_file("botnet50ts_256")
    assert str(caught.value) == (
        "the hub has no ImageNet weights for the network 'botnet50ts_256'. Take another network (escalera models lists "
        "them with their weights), or write model.weights: none."
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of weights, with nothing in it."""
    monkeypatch.setenv("ESCALERA_WEIGHTS", str(tmp_path / "weights"))
    (tmp_path / "weights").mkdir()
    return tmp_path / "weights"


@pytest.mark.parametrize("name", ["test_resnet.r160_in1k", "test_resnet"])
@pytest.mark.parametrize("asked", ["test_resnet", "test_resnet.r160_in1k"])
def test_weights_in_a_folder_are_found_by_the_name_that_timm_gives_them(folder: Path, name: str, asked: str) -> None:
    tensors = timm.create_model("test_resnet").state_dict()
    save_file(tensors, folder / f"{name}.safetensors")
    path = pretrained.imagenet_file(asked)
    assert path == folder / f"{name}.safetensors"
    found = pretrained.imagenet_tensors("test_resnet", path, (32, 32))
    assert all(torch.equal(tensor, tensors[key]) for key, tensor in found.items())
    assert not any(key.startswith("fc.") for key in found)


def test_a_folder_without_them_leaves_it_to_the_hub(folder: Path) -> None:
    save_file(timm.create_model("test_resnet").state_dict(), folder / "test_vit.safetensors")
    with pytest.raises(EscaleraError, match=r"HF_HUB_OFFLINE is set"):
        pretrained.imagenet_file("test_resnet")


def test_a_folder_of_weights_that_is_not_there(folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(EscaleraError) as caught:
        pretrained.imagenet_file("test_resnet")
    assert str(caught.value) == (
        f"ESCALERA_WEIGHTS: expected a folder of weights, but there is none at {folder}. Name one that holds files as "
        "resnet50.a1_in1k.safetensors, with --weights-root or with that variable, or leave it out for the hub's."
    )


def test_weights_in_a_folder_that_are_another_network_s_or_damaged(folder: Path) -> None:
    file = folder / "test_resnet.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), file)
    with pytest.raises(EscaleraError, match=r"test_resnet.safetensors holds the weights of another network: .* absent"):
        pretrained.imagenet_tensors("test_resnet", file, (32, 32))
    file.write_bytes(b"nothing")
    with pytest.raises(EscaleraError, match=r"test_resnet.safetensors cannot be read: expected a whole"):
        pretrained.imagenet_tensors("test_resnet", file, (32, 32))
