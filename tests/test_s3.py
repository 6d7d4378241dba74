"""Climbs to an object store, which moto plays on 127.0.0.1: the driver is killed, and its mirror deleted."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import escalera as esc
from escalera.core.files import read_json, sha256
from escalera.core.runtime import threads

pytestmark = [
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (find_spec("s3fs") and find_spec("moto") and find_spec("flask")),
        reason="pip install 'moto[server]' s3fs",
    ),
    pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL"),
]
LADDER = """
name: far
data: {source: digits, validation: 0.2, test: 0.4}
train: {epochs: 100, batch_size: 128, optimizer: {name: adam, lr: 0.01}, early_stopping: null}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [4]}
  - name: votes
    change: {model: {kind: votes, features: {from: mlp}, classifiers: [{name: linear_svm}, {name: nearest_neighbours}]}}
"""
URL = "s3://bucket/runs"
SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an object store with an empty bucket."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
    for name, value in {**keys, "AWS_ENDPOINT_URL": address, "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while asked(address, "/bucket", "PUT") is None:
            assert time.monotonic() < end, "moto never answered"
            time.sleep(0.2)
        yield address
    finally:
        process.kill()
        process.wait()


def asked(address: str, path: str, method: str = "GET") -> bytes | None:
    request = urllib.request.Request(f"{address}{path}", method=method, headers={"Authorization": SIGNED})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError):
        return None


def epoch(address: str) -> int:
    """How far the training is, as the object store knows it."""
    state = asked(address, "/bucket/runs/far/mlp/seed-0/last/state.json")
    return int(json.loads(state)["epoch"]) if state else 0


def made(folder: Path) -> dict[str, str]:
    names = ("predictions.parquet", "best.safetensors", "preparation.safetensors")
    return {str(path.relative_to(folder)): sha256(path) for name in names for path in folder.rglob(name)}


@pytest.mark.parametrize("options", [[], ["--jobs", "2"]])
def test_a_driver_that_is_killed_goes_on_on_another_machine(options: list[str], server: str, tmp_path: Path) -> None:
    (tmp_path / "far.yaml").write_text(LADDER)
    with threads(1):
        esc.climb(tmp_path / "far.yaml", out=tmp_path / "one", quiet=True)
    command = [sys.executable, "-c", "from escalera.cli import main; main()", "climb", str(tmp_path / "far.yaml")]
    command += ["--out", URL, *options]

    def at(node: str) -> dict[str, str]:
        return {**os.environ, "ESCALERA_CACHE": str(tmp_path / node)}

    driver = subprocess.Popen(command, env=at("node"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while epoch(server) < 3:
        assert time.monotonic() < end and driver.poll() is None, "it never came to its third epoch"
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    reached = epoch(server)
    assert reached < 100
    shutil.rmtree(tmp_path / "node", ignore_errors=True)
    found = subprocess.run(command, env=at("other"), capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"report: {URL}/far/report.html" in found.stdout
    assert f"goes on after epoch {reached}," in found.stdout, found.stdout
    (mirror,) = (tmp_path / "other").glob("mirror-*")
    assert made(mirror) == made(tmp_path / "one")
    assert read_json(mirror / "far" / "mlp" / "seed-0" / "run.json")["test_looks"] == 1
    assert len((mirror / "far" / "mlp" / "seed-0" / "history.jsonl").read_text().splitlines()) == 100
    # The records there are those of the mirror, and nobody holds the place any more.
    for name in ("mlp/seed-0/run.json", "votes/seed-0/run.json", "ladder.json", "report.html"):
        assert asked(server, f"/bucket/runs/far/{name}") == (mirror / "far" / name).read_bytes()
    assert asked(server, "/bucket/runs/far/.climb") is None
