"""Sources that a machine does not see and is sent: what is sent and when, what is refused, and equal bits."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import time
import uuid
from collections import namedtuple
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import escalera as esc
from escalera.core import store as storing
from escalera.core.errors import DataError, RunError
from escalera.core.files import sha256
from escalera.core.runtime import threads
from escalera.core.shared_folder import SharedFolder
from escalera.core.store import open_store
from escalera.core.translation import translate
from escalera.data.cache import ingest as ingesting
from escalera.data.cache import sent
from escalera.data.cache.folders import cache_root
from escalera.data.cache.inventory import entries
from escalera.data.images import ImageSet
from escalera.experiment import climb as climbing
from escalera.experiment.executors import slurm
from escalera.experiment.executors.mailbox import Mailbox
from escalera.experiment.executors.supplier import Supplier
from escalera.experiment.stage import tasks_of
from escalera.run import remote, supply
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.supply import MissingSourceError
from escalera.run.task import Task, open_data, pictures

NODE = "import sys; from escalera.run.remote import perform_order; print(perform_order(sys.stdin.read()))"
SIZES = namedtuple("SIZES", "total used free")


def png(path: Path, row: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.RandomState(row).randint(0, 256, (8, 8)).astype(np.uint8)
    pixels[:, : 4 * (row % 2)] = 0
    Image.fromarray(pixels).save(path)


def class_folders(path: Path) -> Path:
    for row in range(60):
        png(path / "ab"[row % 2] / f"{row}.png", row)
    return path


def table(path: Path) -> Path:
    for row in range(60):
        png(path / "pictures" / f"{row}.png", row)
    lines = [f"pictures/{row}.png,{'ab'[row % 2]},{row % 7}" for row in range(60)]
    (path / "all.csv").write_text("\n".join(["image,label,age", *lines]))
    return path / "all.csv"


def npz(path: Path) -> Path:
    path.mkdir()
    images = np.random.RandomState(0).randint(0, 256, (60, 8, 8)).astype(np.uint8)
    np.savez(path / "all.npz", x_train=images, y_train=np.arange(60) % 2)
    return path / "all.npz"


FORMS = (class_folders, table, npz)


def ladder(source: Path | str) -> dict[str, Any]:
    return {
        "name": "far",
        "data": {"source": str(source), "validation": 0.2, "test": 0.2},
        "train": {"epochs": 2, "batch_size": 16, "early_stopping": None},
        "rungs": [{"name": "mlp", "model": {"kind": "mlp", "dense": [4]}}],
    }


def task_of(source: Path | str, folder: Path, url: str | None = None) -> Task:
    reading = esc.load_ladder(ladder(source))
    (made,) = tasks_of(reading, [(reading.ladder["mlp"], 0)], folder, None, "cpu", url, fresh=False, skip_bad=False)
    folder.mkdir(parents=True, exist_ok=True)
    return replace(made, threads=1)


def made(folder: Path) -> dict[str, str]:
    names = ("predictions.parquet", "best.safetensors")
    return {str(path.relative_to(folder)): sha256(path) for name in names for path in folder.rglob(name)}


class Heard(Events):
    def __init__(self) -> None:
        self.sent: list[tuple[str, int, str]] = []
        self.begun: list[str] = []

    def source_sent(self, source: str, size: int, place: str) -> None:
        self.sent.append((source, size, place))

    def rung_begins(self, rung: Any, seed: int, place: str) -> None:
        self.begun.append(rung.name)

    def worker_lost(self, rung: str, seed: int, reason: str, again: bool) -> None:
        self.begun.append(f"lost {rung}")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(storing, "PAUSES", (0.0,))
    open_data.cache_clear()
    yield
    open_store.cache_clear()


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Task, str | None], Outcome]:
    """What comes of a task on another machine, which has a cache of its own and does not see the path of a source."""

    def perform(task: Task, key: str | None = None) -> Outcome:
        order = remote.order(task, (), uuid.uuid4().hex, key)
        with monkeypatch.context() as patch:
            patch.setattr(supply, "_place", lambda source: None)
            patch.setenv("ESCALERA_CACHE", str(tmp_path / "node"))
            return remote.outcome(remote.perform_order(order))

    return perform


def sending(task: Task) -> tuple[str, Heard]:
    heard = Heard()
    supplier = Supplier(heard)
    supplier.send(task)
    key = supplier.key(task)
    assert key is not None
    return key, heard


def said(error: BaseException, spanish: str) -> str:
    assert translate(str(error), "es").startswith(spanish), translate(str(error), "es")
    return str(error)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("at_url", [False, True])
def test_another_machine_fetches_what_it_does_not_see_and_gives_the_same_bits(
    form: Callable[[Path], Path], at_url: bool, tmp_path: Path, node: Callable[..., Outcome]
) -> None:
    source = form(tmp_path / "mine")
    url = f"memory://{uuid.uuid4().hex}/runs" if at_url else None
    with threads(1):
        esc.climb(ladder(source), out=tmp_path / "one", quiet=True)
    task = task_of(source, tmp_path / "two" / "far", url)
    with pytest.raises(MissingSourceError):
        node(task)
    key, heard = sending(task)
    (told,) = heard.sent
    assert told[0] == str(source) and told[1] > 60 * 64 and told[2] == f"{url or tmp_path / 'two'}/far/.sources"
    assert node(task, key) == Outcome("mlp", 0)
    runs = tmp_path / "two"
    if url:
        (runs,) = (tmp_path / "node").glob("mirror-*")
    assert made(runs) == made(tmp_path / "one")
    records = [json.loads(path.read_text()) for path in sorted(tmp_path.glob("*/**/seed-0/run.json"))]
    assert len({record["test_looks"] for record in records}) == 1


@pytest.mark.slow
def test_a_machine_that_is_none_of_this_process_goes_on_without_the_data(tmp_path: Path) -> None:
    source = class_folders(tmp_path / "mine")
    with threads(1):
        esc.climb(ladder(source), out=tmp_path / "one", quiet=True)
    task = task_of(source, tmp_path / "two" / "far")
    key, _ = sending(task)
    order = remote.order(task, (), "a climb", key)
    shutil.rmtree(source)
    (tmp_path / "elsewhere").mkdir()
    found = subprocess.run(
        [sys.executable, "-c", NODE], input=order, capture_output=True, text=True, timeout=300,
        cwd=tmp_path / "elsewhere", env={**os.environ, "ESCALERA_CACHE": str(tmp_path / "node")},
    )  # fmt: skip
    assert json.loads(found.stdout)["state"] == "done", found.stdout + found.stderr
    assert made(tmp_path / "two") == made(tmp_path / "one")
    assert [entry.kind for entry in entries(tmp_path / "node")] == ["decoded"]


def test_a_climb_sends_a_source_once_and_only_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slurm's queue, as far as a climb sees it; its jobs are performed at once."""

    class Queue:
        def submit(self, call: Callable[[str], str], text: str) -> Any:
            with monkeypatch.context() as patch:
                patch.setattr(supply, "_place", lambda source: None if blind else place(source))
                call(text)
            orders.append(json.loads(text)["task"]["source"])
            return type("Job", (), {"job_id": 1, "state": "COMPLETED", "done": lambda self: True})()

    place, blind = supply._place, False
    orders: list[dict[str, Any]] = []
    monkeypatch.setattr(slurm, "CORES", 1)
    monkeypatch.setattr(slurm, "EVERY", 0.01)
    monkeypatch.setattr(slurm, "_executor", lambda *args: Queue())
    source = class_folders(tmp_path / "mine")
    reading = esc.load_ladder(ladder(source))

    def climb(out: str) -> Heard:
        heard = Heard()
        results = climbing.climb(
            reading, out=tmp_path / out, seeds=2, executor="slurm:local", jobs=1, device="cpu", events=heard
        )
        assert not results.failed
        return heard

    assert climb("seen").sent == [] and not (tmp_path / "seen" / "far" / ".sources").exists()
    assert [order["sent"] for order in orders] == [None, None]
    blind = True
    orders.clear()
    heard = climb("sent")
    assert len(heard.sent) == 1 and heard.begun == ["mlp", "mlp"]
    # The second may have asked too, while the source was on its way for the first.
    assert len(heard.begun) == len([order for order in orders if order["sent"]]) < len(orders) <= 4
    assert made(tmp_path / "sent") == made(tmp_path / "seen")


def test_a_source_that_cannot_be_sent_fails_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(class_folders(tmp_path / "mine"), tmp_path / "runs" / "far")
    mailbox, future = Mailbox(Events()), Future[Outcome]()
    runs = tmp_path / "runs"

    def free(path: Path) -> Any:
        return SIZES(10**9, 10**9, 10 if Path(path).is_relative_to(runs) else 10**9)

    monkeypatch.setattr(shutil, "disk_usage", free)

    def asks() -> Outcome:
        raise MissingSourceError

    mailbox.settle(task, future, asks, lambda: pytest.fail("it was not sent"))
    outcome = future.result(30)
    mailbox.close()
    assert (outcome.state, outcome.error) == (
        "failed",
        f"the source {tmp_path / 'mine'}: expected 0.0 MB free in {task.folder}, found 0.0 MB. Free some space there, "
        "or put the source where all machines see it.",
    )
    assert translate(outcome.error, "es").startswith(f"la fuente {tmp_path / 'mine'}: se esperaban")
    assert not (tmp_path / "runs" / "far" / ".sources").exists()


def test_what_is_known_by_name_is_not_asked_for(tmp_path: Path, node: Callable[..., Outcome]) -> None:
    task = task_of("digits", tmp_path / "runs" / "far")
    assert not json.loads(remote.order(task, (), "a climb"))["task"]["source"]["is_path"]
    assert node(task) == Outcome("mlp", 0)


def test_a_path_that_reads_like_a_name_on_the_hub_is_not_looked_for_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: Callable[..., Outcome]
) -> None:
    class_folders(tmp_path / "data" / "mine")
    monkeypatch.chdir(tmp_path)
    task = task_of("data/mine", tmp_path / "runs" / "far")
    with pytest.raises(MissingSourceError):
        node(task)
    (tmp_path / "elsewhere").mkdir()
    order = remote.order(task, (), "a climb")
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert remote.outcome(remote.perform_order(order)) == Outcome("mlp", 0)


def test_a_name_below_the_data_root_of_the_environment_is_seen_where_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table(tmp_path / "data" / "mine")
    monkeypatch.setenv("ESCALERA_DATA", str(tmp_path / "data"))
    task = task_of("mine", tmp_path / "runs" / "far")
    order = remote.order(task, (), "a climb")
    monkeypatch.delenv("ESCALERA_DATA")
    assert remote.outcome(remote.perform_order(order)) == Outcome("mlp", 0)


def test_what_is_half_sent_is_not_there_and_is_sent_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(class_folders(tmp_path / "mine"), tmp_path / "runs" / "far")
    original = SharedFolder.put

    def cut(self: SharedFolder, path: Path, name: str) -> None:
        if name.endswith("labels.npy"):
            (self.root / name).with_name(".train-labels.npy.abcd1234").write_text("half")
            raise KeyboardInterrupt
        original(self, path, name)

    with monkeypatch.context() as patch:
        patch.setattr(SharedFolder, "put", cut)
        with pytest.raises(KeyboardInterrupt):
            sending(task)
    (folder,) = (tmp_path / "runs" / "far" / ".sources").iterdir()
    assert (folder / "train-images.npy").exists()
    with pytest.raises(DataError) as caught:
        sent.fetch(folder.name, supply.shelf(task), tmp_path / "node")
    expected = (
        f"expected the source {folder.name} in {folder.parent}, where the climb has put it, found none. Look whether "
        "this machine sees what is put there, and type the same command again."
    )
    assert said(caught.value, f"se esperaba la fuente {folder.name} en {folder.parent}") == expected
    assert [path.name for path in (tmp_path / "node").iterdir() if path.is_dir()] == []
    key, heard = sending(task)
    assert key == folder.name and len(heard.sent) == 1
    assert sorted(path.name for path in folder.iterdir()) == [
        "meta.json", "sent.json", "train-images.npy", "train-labels.npy"
    ]  # fmt: skip
    assert sending(task)[1].sent == []


def test_what_is_half_fetched_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(class_folders(tmp_path / "mine"), tmp_path / "runs" / "far")
    key, _ = sending(task)
    root, original = tmp_path / "node", SharedFolder.fetch
    fetched: list[str] = []

    def cut(self: SharedFolder, name: str, to: Path) -> None:
        fetched.append(name)
        if len(fetched) == 2:
            raise KeyboardInterrupt
        original(self, name, to)

    monkeypatch.setattr(SharedFolder, "fetch", cut)
    with pytest.raises(KeyboardInterrupt):
        sent.fetch(key, supply.shelf(task), root)
    assert not (root / key).exists()
    sent.fetch(key, supply.shelf(task), root)
    assert len(fetched) == 2 + 3
    sent.fetch(key, supply.shelf(task), root)
    assert len(fetched) == 2 + 3
    # What is damaged in the cache is fetched again.
    (root / key / "train-images.npy").write_bytes(b"x")
    images = sent.fetch(key, supply.shelf(task), root)
    assert len(fetched) == 2 + 6 and images.splits["train"].images.shape == (60, 8, 8, 1)


def test_processes_of_a_machine_fetch_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(class_folders(tmp_path / "mine"), tmp_path / "runs" / "far")
    key, _ = sending(task)
    original = SharedFolder.fetch
    fetched: list[str] = []

    def slow(self: SharedFolder, name: str, to: Path) -> None:
        fetched.append(name)
        time.sleep(0.1)
        original(self, name, to)

    monkeypatch.setattr(SharedFolder, "fetch", slow)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: sent.fetch(key, supply.shelf(task), tmp_path / "node"), range(3)))
    assert len(fetched) == 3


def test_another_content_has_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = class_folders(tmp_path / "mine")
    task = task_of(source, tmp_path / "runs" / "far")
    key, _ = sending(task)
    for path in source.rglob("*.png"):
        os.utime(path)  # decoded again, to the same pixels
    monkeypatch.setattr(ingesting, "now", lambda: "another day")
    assert sending(task)[0] == key
    png(source / "a" / "0.png", 100)
    other, heard = sending(task)
    assert other != key and len(heard.sent) == 1


def test_what_was_changed_on_its_way_is_refused(tmp_path: Path) -> None:
    task = task_of(class_folders(tmp_path / "mine"), tmp_path / "runs" / "far")
    key, _ = sending(task)
    folder = tmp_path / "runs" / "far" / ".sources" / key
    images, listed = folder / "train-images.npy", folder / "sent.json"
    pixels = images.read_bytes()
    images.write_bytes(pixels[:-1] + b"\x00")
    shelf = supply.shelf(task)
    with pytest.raises(DataError) as caught:
        sent.fetch(key, shelf, tmp_path / "node")
    expected = (
        f"{images} is not what was sent (its SHA-256 differs). Take its folder away, and type the same command again."
    )
    assert said(caught.value, f"{images} no es lo que se envió") == expected
    good = json.loads(listed.read_text())
    forged = {**good["files"], "train-images.npy": [len(pixels), sha256(images)]}
    listed.write_text(json.dumps({**good, "files": forged}, sort_keys=True))
    with pytest.raises(DataError, match=r"sent\.json is not what was sent"):
        sent.fetch(key, shelf, tmp_path / "node")
    images.write_bytes(pixels)
    for bad in ("../../../out.npy", "/out.npy", "run.json", "a/train-images.npy"):
        files = {**good["files"], bad: good["files"]["train-images.npy"]}
        text = json.dumps({**good, "files": files}, sort_keys=True)
        listed.write_text(text)
        for asked in (key, sent._key(good["source"], text.encode())):
            if asked != key:
                shutil.copytree(folder, folder.with_name(asked))
            with pytest.raises(DataError, match=r"sent\.json is not what was sent"):
                sent.fetch(asked, shelf, tmp_path / "node")
    listed.write_text("[]")
    with pytest.raises(DataError, match=r"sent\.json is not what was sent"):
        sent.fetch(key, shelf, tmp_path / "node")
    assert [path.name for path in tmp_path.rglob("out.npy")] == []
    with pytest.raises(DataError) as caught:
        sent.fetch("../mine", shelf, tmp_path / "node")
    assert "se esperaba la clave de una fuente" in translate(str(caught.value), "es")


@pytest.mark.skipif(sys.platform == "win32", reason="links of Windows need a right")
def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").write_text("secret")
    root = tmp_path / ".sources"
    root.mkdir()
    (root / "file").symlink_to(tmp_path / "other" / "x")
    (root / "folder").symlink_to(tmp_path / "other")
    (tmp_path / "whole").symlink_to(root)
    for folder, name in (
        (root, "file"),
        (root, "folder/x"),
        (root, "../other/x"),
        (root, "a//x"),
        (tmp_path / "whole", "y"),
    ):
        with pytest.raises(
            RunError, match=r"expected a file or folder of .+ itself, found a link or a way out of it"
        ) as e:
            SharedFolder(folder).read(name)
        assert "se esperaba un archivo o una carpeta" in translate(str(e.value), "es")
        with pytest.raises(RunError, match="found a link or a way out of it"):
            SharedFolder(folder).write(name, b"x")
    assert (tmp_path / "other" / "x").read_text() == "secret"


def test_what_cannot_be_read_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    shelf = SharedFolder(tmp_path)
    looks: list[Callable[[], object]] = [lambda: shelf.read("a"), lambda: shelf.fetch("b", tmp_path / "c")]
    for look in looks:
        with pytest.raises(RunError) as caught:
            look()
        assert said(caught.value, f"no se pudo leer {tmp_path}").endswith("; then type the same command again.")


def test_what_is_in_memory_alone_is_not_sent() -> None:
    with pytest.raises(DataError) as caught:
        sent.pack(ImageSet("mine", ["a", "b"], {}))
    expected = (
        "the source mine cannot be sent to another machine, since it could not be written to the cache of this one. "
        "Name a folder that has room for it and can be written with ESCALERA_CACHE."
    )
    assert said(caught.value, "la fuente mine no se puede enviar a otra máquina") == expected


def test_a_machine_without_room_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: Callable[..., Outcome]
) -> None:
    task = task_of(class_folders(tmp_path / "mine"), tmp_path / "runs" / "far")
    key, _ = sending(task)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SIZES(10**9, 10**9, 10))
    outcome = node(task, key)
    assert outcome.error.startswith(f"{platform.node()}: the source {tmp_path / 'mine'}: expected 0.0 MB free in ")
    assert translate(outcome.error, "es").startswith(f"{platform.node()}: la fuente {tmp_path / 'mine'}: se esperaban")


def test_what_is_opened_is_what_was_sent(tmp_path: Path) -> None:
    task = task_of(table(tmp_path / "mine"), tmp_path / "runs" / "far")
    key, _ = sending(task)
    here, there = pictures(task.source), sent.fetch(key, supply.shelf(task), cache_root())
    assert there.classes == here.classes and there.name == here.name
    mine, its = here.splits["train"], there.splits["train"]
    assert np.array_equal(mine.images, its.images) and np.array_equal(mine.labels, its.labels)
    assert mine.table is not None and mine.table.equals(its.table)
    assert pictures(replace(task.source, sent=key)).folder == cache_root() / key
