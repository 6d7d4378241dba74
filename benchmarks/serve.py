"""A served model: the time to its first answer, what 25 clients wait who ask at once, its memory over 5,000 answers.

python benchmarks/serve.py cnn.onnx          # or a run, or a model in one file; without PyTorch for ONNX
"""

import argparse
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from PIL import Image

from escalera.inference.files import opened


def picture(size: Sequence[int]) -> bytes:
    """A PNG of noise at a model's own size."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    Image.fromarray(pixels[:, :, 0] if size[2] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()


class Client:
    """One that keeps its connection."""

    def __init__(self, port: int, body: bytes) -> None:
        self.connection, self.body = HTTPConnection("127.0.0.1", port, timeout=30), body

    def ask(self) -> float:
        """Seconds until the answer has come."""
        started = time.perf_counter()
        self.connection.request("POST", "/predict", self.body)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            sys.exit(f"{answer.status}: {content[:200]!r}")
        return time.perf_counter() - started


def memory(port: int) -> float:
    """MB of the workers together, as they tell it."""
    connection = HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return sum(map(float, re.findall(r"^process_resident_memory_bytes\{.*\} (\S+)$", text, re.MULTILINE))) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--clients", type=int, default=25)
    parser.add_argument("--answers", type=int, default=5000)
    options = parser.parse_args()
    body = picture(opened(options.model).trained.data.shape)
    command = ["serve", str(options.model), "--port", str(options.port), "--workers", str(options.workers)]
    started = time.perf_counter()
    server = subprocess.Popen([sys.executable, "-m", "escalera", *command], stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                Client(options.port, body).ask()
                break
            except OSError:
                time.sleep(0.02)
        first = time.perf_counter() - started
        clients = [Client(options.port, body) for _ in range(options.clients)]
        [client.ask() for client in clients]
        before = memory(options.port)
        each = options.answers // options.clients
        with ThreadPoolExecutor(options.clients) as pool:
            asked = list(pool.map(lambda client: [client.ask() for _ in range(each)], clients))
        waits = sorted(wait for one in asked for wait in one)
        after = memory(options.port)
    finally:
        os.kill(server.pid, signal.SIGTERM)
        server.wait()
    late = quantiles(waits, n=100)[98]
    print(f"first answer after {first:.2f} s (wanted: 3)")
    print(
        f"{options.clients} clients: median {1000 * median(waits):.1f} ms, p99 {1000 * late:.1f} ms, "
        f"{late / median(waits):.2f} times the median (wanted: 3)"
    )
    print(f"memory {before:.0f} MB before and {after:.0f} MB after {each * options.clients} answers")


if __name__ == "__main__":
    main()
