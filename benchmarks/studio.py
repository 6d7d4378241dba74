"""The studio under load: seconds from the command to a page that answers; one warm prediction at the API; 1, 5, 25 and
100 clients with 20 pictures each, every answer compared with what the model says of that picture asked alone; and the
memory of the server after 200 predictions and after all of them.

    escalera climb cifar10 --rung batch-norm --set train.epochs=1 --out runs
    python benchmarks/studio.py --out runs --model cifar10/batch-norm/seed-0
"""

import argparse
import http.client
import io
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
import psutil
import torch
from machine import machine
from PIL import Image

from escalera.core.rundir import RunDir
from escalera.inference.predictor import open_run

CLIENTS, EACH, STARTS, WARM = (1, 5, 25, 100), 20, 3, 200
NEAR = 1e-4
"""How far a probability may be from that of the picture asked alone: fp32 sums in another order."""


def pictures(count: int, shape: Sequence[int]) -> np.ndarray:
    """Coloured clouds (N, H, W, C), each another: the tag by which an answer is told from that of any other picture."""
    height, width, channels = shape
    coarse = np.random.default_rng(0).integers(0, 256, (count, 4, 4, channels), dtype=np.uint8)
    return coarse.repeat(-(-height // 4), 1).repeat(-(-width // 4), 2)[:, :height, :width]


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, "PNG")
    return buffer.getvalue()


class Server:
    """The command as a user types it, in a process of its own."""

    def __init__(self, out: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        code = "from escalera.cli import main; main()"
        command = [sys.executable, "-c", code, "studio", "--port", str(self.port), "--out", str(out)]
        began = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not self._answers():
            if self.process.poll() is not None:
                sys.exit("the studio did not start")
            time.sleep(0.02)
        self.seconds = time.perf_counter() - began

    def _answers(self) -> bool:
        try:
            connection = self.connect()
            connection.request("GET", "/en/")
            response = connection.getresponse()
            return response.status == 200 and b"gradio" in response.read()
        except OSError:
            return False

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def memory(self) -> float:
        """Resident megabytes."""
        return float(psutil.Process(self.process.pid).memory_info().rss / 1e6)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


class Client:
    """One that asks about its own pictures, one after another, over one connection; told 503, it asks again."""

    def __init__(self, server: Server, model: str, own: range, files: list[bytes], classes: list[str]) -> None:
        self.connection = server.connect()
        self.path = f"/predict?model={model}&top={len(classes)}"
        self.own = own
        self.files = files
        self.classes = classes
        self.seconds: list[float] = []
        self.answers: dict[int, np.ndarray] = {}
        self.busy = 0
        self.errors: list[str] = []

    def run(self) -> None:
        for number in self.own:
            while wait := self._ask(number):
                time.sleep(wait)

    def _ask(self, number: int) -> float:
        """Seconds to wait before asking again; 0 for what was answered, or went wrong."""
        began = time.perf_counter()
        try:
            self.connection.request("POST", self.path, self.files[number], {"content-type": "image/png"})
            response = self.connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.errors.append(repr(error))
            self.connection.close()
            return 0
        if response.status == 503:
            self.busy += 1
            return float(response.headers["retry-after"])
        if response.status != 200:
            self.errors.append(f"{response.status} {body[:200]!r}")
            return 0
        self.seconds.append(time.perf_counter() - began)
        said = {row["name"]: row["probability"] for row in json.loads(body)["classes"]}
        self.answers[number] = np.array([said[name] for name in self.classes])
        return 0


def load(clients: list[Client]) -> float:
    """All at once; the seconds that it took."""
    threads = [threading.Thread(target=client.run) for client in clients]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--model", default="cifar10/batch-norm/seed-0")
    options = parser.parse_args()
    print(machine(), flush=True)
    torch.set_num_threads(1)  # as the studio: on a busy machine two would wait for one another
    predictor = open_run(RunDir(options.out / options.model))
    shape, classes = predictor.trained.data.shape, predictor.trained.classes
    images = pictures(max(CLIENTS) * EACH, shape)
    files = [png(pixels) for pixels in images]
    alone = np.concatenate([predictor.predict(image) for image in images])
    gap = min(np.delete(np.abs(alone - row).max(1), n).min() for n, row in enumerate(alone))
    print(
        f"load average {psutil.getloadavg()[0]:.1f}; {len(files)} pictures, whose answers differ by {gap:.5f} or more"
    )

    starts = []
    for _ in range(STARTS):
        server = Server(options.out)
        starts.append(server.seconds)
        if len(starts) < STARTS:
            server.stop()
    each = ", ".join(f"{seconds:.1f}" for seconds in starts)
    print(f"command to a page that answers   {median(starts):6.1f} s   (wanted: at most 8; {each})", flush=True)

    try:
        began = time.perf_counter()
        first = Client(server, options.model, range(1), files, classes)
        load([first])
        print(f"the very first prediction        {1000 * first.seconds[0]:6.0f} ms")
        warm = Client(server, options.model, range(WARM), files, classes)
        load([warm])
        warm_ms = 1000 * np.array(warm.seconds)
        print(
            f"one picture, warm, {WARM} times      {np.median(warm_ms):6.1f} ms  "
            f"(wanted: at most 60; p99 {np.percentile(warm_ms, 99):.1f})",
            flush=True,
        )
        before = server.memory()
        count = WARM + 1
        for many in CLIENTS:
            clients = [
                Client(server, options.model, range(n * EACH, (n + 1) * EACH), files, classes) for n in range(many)
            ]
            seconds = load(clients)
            times = 1000 * np.array([second for client in clients for second in client.seconds])
            count += len(times)
            answers = {number: said for client in clients for number, said in client.answers.items()}
            wrong = sum(np.abs(said - alone[number]).max() > NEAR for number, said in answers.items())
            strange = sum(int(np.abs(alone - said).max(1).argmin()) != number for number, said in answers.items())
            errors = [error for client in clients for error in client.errors]
            middle, p99 = np.median(times), np.percentile(times, 99)
            note = "; wanted: at most 3" if many == 25 else ""
            print(
                f"{many:3} clients  {len(times) / seconds:6.0f} answers/s  median {middle:6.1f} ms  p99 {p99:6.1f} ms  "
                f"p99/median {p99 / middle:.2f}{note}\n"
                f"             {len(answers)} of {many * EACH} answered, {wrong} wrong, {strange} another's, "
                f"{len(errors)} errors (all wanted: 0), {sum(client.busy for client in clients)} times 503",
                flush=True,
            )
            for error in errors[:3]:
                print(f"             {error}")
        after = server.memory()
        print(
            f"memory after {WARM + 1} predictions {before:.0f} MB, after {count} {after:.0f} MB: "
            f"{100 * (after / before - 1):+.1f} %   (wanted: at most +5)"
        )
        print(f"load of {time.perf_counter() - began:.0f} s   (wanted: at most 60)")
    finally:
        server.stop()


if __name__ == "__main__":
    main()
