"""Runs for the studio to show: a tiny ladder on digits, climbed once."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from escalera.experiment.climb import climb, load_ladder
from escalera.studio.service import Studio

LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [16]}
    train: {epochs: 1}
  - name: cnn
    why: {en: "Looks at the picture.", es: "Mira la imagen."}
    change: {model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}}
"""


@pytest.fixture(scope="session")
def climbed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("studio")
    (folder / "tiny.yaml").write_text(LADDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        climb(load_ladder(folder / "tiny.yaml"), out=folder / "runs")
    return folder / "runs"


@pytest.fixture
def runs(climbed_once: Path, tmp_path: Path) -> Path:
    """A folder of runs of one's own, to spoil."""
    return Path(shutil.copytree(climbed_once, tmp_path / "runs"))


@pytest.fixture
def studio(runs: Path) -> Iterator[Studio]:
    made = Studio(runs)
    yield made
    made.close()


@pytest.fixture
def png() -> Callable[..., bytes]:
    """`png(seed)` is a file of a picture of 8x8 pixels, drawn by the seed; `png(seed, side)` of another size."""

    def make(seed: int = 0, side: int = 8) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (side, side), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return buffer.getvalue()

    return make


START = "from escalera.cli import main; main()"

Served = Callable[..., AbstractContextManager[str]]


@pytest.fixture(scope="session")
def served() -> Served:
    """`with served(folder, "--out", ...) as address` is a studio that runs in a folder, a process of its own.

    `code` is what starts it, `stderr` where it may complain; other words are variables of its environment.
    """

    @contextlib.contextmanager
    def serve(folder: Path, *options: str, code: str = START, stderr: Any = None, **variables: str) -> Iterator[str]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-c", code, "studio", "--port", str(port), *options],
            stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=folder, env={**os.environ, **variables},
        )  # fmt: skip
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert f"http://127.0.0.1:{port}/" in line, line
            yield f"http://127.0.0.1:{port}"
        finally:  # a test that fails leaves none behind
            process.send_signal(signal.SIGINT)
            ended = process.wait(30)
            process.stdout.close()
        assert ended == 0

    return serve


WATCHED = """
import os, sys
canary = os.path.realpath(os.environ["CANARY"])
log = os.open(os.environ["OPENED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def watch(event, arguments):
    if event == "open" or event.startswith(("os.", "shutil.")):
        for named in arguments:
            try:
                if isinstance(named, (str, bytes)) and os.path.realpath(os.fsdecode(named)) == canary:
                    os.write(log, f"{event} {named}\\n".encode())
            except ValueError:  # a name that is none
                pass
sys.addaudithook(watch)
from escalera.cli import main
main()
"""
"""The studio, writing down whatever it does with the canary, by whatever name and through whatever link."""


@dataclass(frozen=True)
class Door:
    """A studio that runs in a folder, its port, and a file that nobody uploaded."""

    port: int
    folder: Path
    start: str = WATCHED

    @property
    def canary(self) -> Path:
        """The file that nobody uploaded."""
        return self.folder / "canary.png"

    def heard(self) -> str:
        """What the studio did with the canary."""
        return (self.folder / "opened").read_text()

    def log(self) -> str:
        """What the studio wrote on standard error."""
        return (self.folder / "log").read_text()


@pytest.fixture(scope="session")
def door(climbed_once: Path, tmp_path_factory: pytest.TempPathFactory, served: Served) -> Iterator[Door]:
    folder = tmp_path_factory.mktemp("door")
    canary = folder / "canary.png"
    canary.write_bytes(b"\x89PNG\r\n\x1a\nnobody uploaded this")
    (folder / "gradio").mkdir()
    (folder / "gradio" / "link.png").symlink_to(canary)
    (folder / "gradio" / "away").symlink_to(folder)
    more = {"CANARY": str(canary), "OPENED": str(folder / "opened"), "GRADIO_TEMP_DIR": str(folder / "gradio")}
    more["ESCALERA_CACHE"] = str(climbed_once.parent / "cache")
    with (
        (folder / "log").open("w") as log,
        served(folder, "--out", str(climbed_once), code=WATCHED, stderr=log, **more) as address,
    ):
        yield Door(int(address.rsplit(":", 1)[1]), folder)
