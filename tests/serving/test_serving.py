"""One model over HTTP, without a page: what it answers, what it counts, how it ends."""

import asyncio
import copy
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from escalera.core.errors import EscaleraError, RunError
from escalera.experiment.climb import climb, load_ladder
from escalera.inference.bundle import write_file
from escalera.inference.files import find_trained
from escalera.inference.predictor import Predictor
from escalera.inference.serving.app import make_app, warm_up
from escalera.inference.serving.guard import App
from escalera.inference.serving.http import listen
from escalera.inference.serving.metrics import Metrics, cells_for, counted
from escalera.inference.serving.queue import Queue, with_one_core
from escalera.inference.serving.server import serve

LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [16]}
    train: {epochs: 1}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serving")
    (folder / "tiny.yaml").write_text(LADDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        climb(load_ladder(folder / "tiny.yaml"), out=folder / "runs")
    write_file(find_trained(folder / "runs" / "tiny" / "mlp"), folder / "mlp.safetensors")
    return folder / "mlp.safetensors"


@pytest.fixture(scope="module")
def predictor(model: Path) -> Predictor:
    made = Predictor(find_trained(model))
    warm_up(made)
    return made


@pytest.fixture
def queue() -> Iterator[Queue]:
    made = Queue("test", with_one_core)
    yield made
    made.close()


@pytest.fixture
def client(predictor: Predictor, queue: Queue) -> Iterator[TestClient]:
    app = make_app(predictor, queue, Metrics(cells_for(1, RawArray), 0, os.getpid()), local=True, login="ana:secret")
    with TestClient(app, base_url="http://127.0.0.1:8000") as made:
        made.auth = ("ana", "secret")
        yield made


def png(seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_it_answers_as_the_model_does(client: TestClient, predictor: Predictor) -> None:
    expected = predictor.predict(png())[0]
    for asked in (
        client.post("/predict?top=10", content=png()),
        client.post("/predict", params={"model": "tiny/mlp/seed-0", "top": "10"}, files={"file": png()}),
    ):
        said = {row["name"]: row["probability"] for row in asked.json()["classes"]}
        assert [said[name] for name in predictor.classes] == pytest.approx(expected)
    assert client.get("/models").json()["models"] == [
        {"model": "tiny/mlp/seed-0", "classes": list("0123456789"), "pictures": 1, "size": [8, 8, 1], "attributes": []}
    ]


def test_what_is_amiss_is_told(client: TestClient) -> None:
    def asked(status: int, message: str, path: str = "/predict", method: str = "POST", content: bytes = b"") -> None:
        answer = client.request(method, path, content=content)
        assert (answer.status_code, "Traceback" in answer.text) == (status, False)
        assert message in answer.json()["error"]

    asked(404, "there is no model 'tiny/ml'; did you mean 'tiny/mlp/seed-0'?", "/predict?model=tiny/ml", content=png())
    asked(404, "there is nothing here; there are /predict, /models, /health, /metrics", "/predic")
    asked(405, "this is asked with POST", method="GET")
    asked(405, "this is read with GET", "/health")
    asked(422, "not a picture of a known format", content=b"<svg/>")
    asked(422, "this run looks at pictures alone", '/predict?attributes={"a":1}', content=png())
    asked(422, "this run looks at pictures: expected some, received none")
    how = "send the picture itself as the body, or a form (multipart/form-data) whose parts are file, and attributes"
    for name in ("attributes", "model", "top"):  # as `curl -d` sends it
        asked(422, f"a body as in the query of an address is not read: {how}", content=f"{name}=5".encode())
    asked(413, "at most 20 MB", content=b"x" * 20_200_000)
    client.auth = ("ana", "")
    asked(401, "a user and a password are needed", content=png())
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/metrics").status_code == 401
    assert client.get("/health", headers={"host": "evil.example"}).status_code == 403


def test_a_model_that_cannot_answer_is_a_fault_of_the_server(
    client: TestClient, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.no_grad(), monkeypatch.context() as patch:
        network = copy.deepcopy(predictor.network)
        for weight in network.parameters():
            weight.fill_(float("nan"))
        patch.setitem(predictor.__dict__, "network", network)
        answer = client.post("/predict", content=png())
    assert answer.status_code == 500
    assert answer.json() == {
        "error": "tiny/mlp/seed-0 answers with no numbers (NaN): its weights or its data are damaged"
    }
    assert 'escalera_http_requests_total{path="/predict",status="500"} 1' in client.get("/metrics").text.splitlines()
    assert client.post("/predict", content=png()).status_code == 200


def test_more_than_may_wait_come_again(client: TestClient, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "most", 0)
    answer = client.post("/predict", content=png())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_what_was_done_is_counted(client: TestClient) -> None:
    for _ in range(3):
        client.post("/predict", content=png())
    client.post("/predict", content=b"x")
    client.get("/nowhere")
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert 'escalera_http_requests_total{path="/predict",status="200"} 3' in lines
    assert 'escalera_http_requests_total{path="/predict",status="422"} 1' in lines
    assert 'escalera_http_requests_total{path="other",status="404"} 1' in lines
    assert 'escalera_predict_duration_seconds_bucket{le="+Inf"} 3' in lines
    assert "escalera_predict_duration_seconds_count 3" in lines
    series = re.compile(r'# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"\n]*"(,[a-z_]+="[^"\n]*")*\})? [0-9.e+-]+')
    assert [line for line in lines if not series.fullmatch(line)] == []


def test_workers_are_summed_and_labels_escaped() -> None:
    cells = cells_for(2, RawArray)
    for place, seconds in ((0, 0.002), (1, 20.0)):
        Metrics(cells, place, 0).count("/predict", 200, seconds)
    Metrics(cells, 1, 0).count("/predict", 418, 0.0)
    text = Metrics(cells, 0, os.getpid()).text("1", 'a"b\\c\nd')
    assert 'escalera_http_requests_total{path="/predict",status="200"} 2\n' in text
    assert 'escalera_http_requests_total{path="/predict",status="500"} 1\n' in text
    assert 'bucket{le="0.0025"} 1\n' in text
    assert 'bucket{le="10.0"} 1\n' in text
    assert "_sum 20.002\n" in text
    assert r'model="a\"b\\c\nd"' in text
    assert text.count("process_resident_memory_bytes{") == 1


def test_who_hangs_up_is_no_fault_and_an_error_is_one() -> None:
    metrics = Metrics(cells_for(1, RawArray), 0, os.getpid())
    scope = {"type": "http", "path": "/predict"}

    async def gone(*_: Any) -> None:
        """The guard, when the body breaks off."""

    async def fails(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    async def nothing(*_: Any) -> Any:
        return None

    async def asked(app: App) -> None:
        await counted(app, metrics)(scope, nothing, nothing)

    asyncio.run(asked(gone))
    assert "escalera_http_requests_total{" not in metrics.text("1", "m")
    with pytest.raises(RuntimeError, match="a fault of ours"):
        asyncio.run(asked(fails))
    assert 'escalera_http_requests_total{path="/predict",status="500"} 1\n' in metrics.text("1", "m")


def test_questions_that_wait_are_counted_when_they_come_and_go() -> None:
    cells = cells_for(2, RawArray)
    first, second = (Metrics(cells, place, 0) for place in (0, 1))
    queue, held = Queue("test", lambda: None, on_change=first.wait), threading.Event()
    try:
        asked = [queue.submit(held.wait) for _ in range(3)]
        assert "escalera_questions_waiting 3\n" in second.text("1", "m")
    finally:
        held.set()
        for one in asked:
            one.result()
        queue.close()
    assert "escalera_questions_waiting 0\n" in second.text("1", "m")
    first.wait(5)
    Metrics(cells, 0, 0)  # another worker in the place of one that was killed
    assert "escalera_questions_waiting 0\n" in second.text("1", "m")


@pytest.mark.slow
def test_a_model_in_an_onnx_file_answers_alike_without_pytorch(client: TestClient, model: Path) -> None:
    pytest.importorskip("onnxscript")
    from escalera.inference.onnx_export import write_onnx

    file = model.with_suffix(".onnx")
    write_onnx(find_trained(model), file)
    done = subprocess.run([sys.executable, "-c", ALONE, str(file)], input=png(), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    alone = json.loads(done.stdout)
    asked = client.post("/predict", content=png()).json()
    assert [one["name"] for one in alone["classes"]] == [one["name"] for one in asked["classes"]]
    shares = [[one["probability"] for one in said["classes"]] for said in (alone, asked)]
    assert shares[0] == pytest.approx(shares[1], abs=1e-5)


ALONE = """
import json, sys
for name in ("torch", "timm", "safetensors", "gradio", "sklearn"):
    sys.modules[name] = None
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from starlette.testclient import TestClient
from escalera.inference.files import opened
from escalera.inference.serving.app import make_app, warm_up
from escalera.inference.serving.metrics import Metrics, cells_for
from escalera.inference.serving.queue import Queue
model, queue = opened(Path(sys.argv[1])), Queue("serve", lambda: None)
queue.submit(lambda: warm_up(model)).result()
app = make_app(model, queue, Metrics(cells_for(1, RawArray), 0, 1), local=True)
print(json.dumps(TestClient(app, base_url="http://127.0.0.1").post("/predict", content=sys.stdin.buffer.read()).json()))
"""


def test_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    """asyncio sets TCP_NODELAY on connections of sockets that name their protocol: others answer 40 ms later."""
    with listen("127.0.0.1", 0) as taken:
        assert taken.proto == socket.IPPROTO_TCP


def test_another_address_is_wanted_where_this_one_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    cure = r"Give an address of this machine with --host\."
    with pytest.raises(EscaleraError, match=rf"cannot listen on 192\.0\.2\.1:0: .*\. {cure}"):
        listen("192.0.2.1", 0)  # RFC 5737: nobody's

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(EscaleraError, match=rf"cannot listen on none\.invalid:80: Name or service not known\. {cure}"):
        listen("none.invalid", 80)


def test_what_may_not_be_started(model: Path) -> None:
    with pytest.raises(EscaleraError, match=r"--host 0\.0\.0\.0: others could reach it there"):
        serve(model, host="0.0.0.0", port=0, ready=print)
    with pytest.raises(EscaleraError, match="--auth: expected user:password"):
        serve(model, host="127.0.0.1", port=0, auth="ana", ready=print)


@pytest.mark.network
def test_a_model_that_is_none_is_told_by_one_and_by_several(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    for workers in (1, 2):
        with pytest.raises(RunError, match=r"bad\.safetensors is not a model that Escalera wrote"):
            serve(tmp_path / "bad.safetensors", host="127.0.0.1", port=0, workers=workers, ready=print)


class Started:
    """The command as a user types it, in an empty folder of its own."""

    def __init__(self, model: Path, folder: Path, *options: str) -> None:
        folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "escalera", "serve", str(model), "--port", str(self.port), *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
            env={**os.environ, "TMPDIR": str(folder), "ESCALERA_CACHE": str(folder / "cache")},
        )  # fmt: skip
        assert self.process.stdout is not None
        assert f"http://127.0.0.1:{self.port}/" in self.process.stdout.readline()

    def ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("POST" if body else "GET", path, body)
        response = connection.getresponse()
        status, said = response.status, response.read()
        connection.close()
        return status, said

    def stop(self) -> str:
        """What it wrote on standard error, once it has ended without a fault."""
        self.process.send_signal(signal.SIGTERM)
        error = self.process.communicate(timeout=30)[1]
        assert self.process.returncode == 0
        return error


ENDLESS = """
import asyncio
from escalera.inference.serving import http
http.GRACE = 1
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"more", "more_body": True})
        if scope["path"] == "/fault":
            raise ValueError("a fault of ours")
        await asyncio.Event().wait()
http.run(app, http.listen("127.0.0.1", 0), ready=lambda address: print(address, flush=True))
"""
"""A server whose answers have no end, as those to an open page of the studio."""


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="stops a process as POSIX does")
def test_an_open_page_is_cut_off_in_silence_and_a_fault_is_told() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    port = int(re.findall(r":(\d+)/", process.stdout.readline())[0])
    open_, fault = (HTTPConnection("127.0.0.1", port, timeout=30) for _ in range(2))
    fault.request("GET", "/fault")
    assert fault.getresponse().read(4) == b"more"
    open_.request("GET", "/")
    assert open_.getresponse().read(4) == b"more"
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    open_.close()
    fault.close()
    assert process.returncode == 0
    assert (error.count("Traceback"), "a fault of ours" in error, "Cancel" in error) == (1, True, False)


@pytest.mark.network
def test_sigterm_ends_it_in_order_and_no_picture_was_on_the_disk(model: Path, tmp_path: Path) -> None:
    started = Started(model, tmp_path / "here")
    try:
        form = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + png() + b"\r\n--x--\r\n"
        )
        connection = HTTPConnection("127.0.0.1", started.port, timeout=30)
        connection.request("POST", "/predict", form, {"content-type": "multipart/form-data; boundary=x"})
        assert json.loads(connection.getresponse().read())["model"] == "tiny/mlp/seed-0"
        connection.request("POST", "/predict", png() + bytes(5_000_000))
        assert connection.getresponse().read()
        assert [path for path in started.folder.rglob("*") if path.is_file()] == []
    finally:
        assert started.stop() == ""  # an idle connection does not keep it
        connection.close()


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="kills a process as POSIX does")
def test_another_worker_comes_in_the_place_of_one_that_is_killed(model: Path, tmp_path: Path) -> None:
    started = Started(model, tmp_path / "here", "--workers", "2")
    try:
        workers = _workers(started)
        for _ in range(10):
            assert started.ask("/predict", png())[0] == 200
        psutil.Process(next(iter(workers))).kill()
        until = time.monotonic() + 60
        while (now := _workers(started)) == workers or len(now) < 2:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert len(now & workers) == 1
        assert b'{path="/predict",status="200"} 10\n' in started.ask("/metrics")[1]
    finally:
        assert started.stop() == ""
    assert not any(psutil.pid_exists(worker) for worker in workers | now)


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="kills a process as POSIX does")
def test_workers_end_with_a_leader_that_is_killed(model: Path, tmp_path: Path) -> None:
    started = Started(model, tmp_path / "here", "--workers", "2")
    workers = _workers(started)
    started.process.kill()
    started.process.communicate(timeout=30)
    assert psutil.wait_procs([psutil.Process(worker) for worker in workers if psutil.pid_exists(worker)], 30)[1] == []


def _workers(started: Started) -> set[int]:
    return {int(pid) for pid in re.findall(rb'pid="(\d+)"', started.ask("/metrics")[1])}
