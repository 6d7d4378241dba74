"""Runs at a URL: what is pushed and pulled, in which order, who may write there, and climbs that move elsewhere."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.registry import _registry

import escalera as esc
from escalera.core import mirror as mirrors
from escalera.core import store as storing
from escalera.core.errors import EscaleraError, RunError
from escalera.core.files import read_json, sha256
from escalera.core.lease import Holder, Object, lease
from escalera.core.mirror import Mirror, part_of, unsent
from escalera.core.runtime import threads
from escalera.core.store import Store, is_url, open_store
from escalera.core.translation import translate
from escalera.data.cache.folders import cache_root
from escalera.data.cache.inventory import clear, entries
from escalera.data.cache.mirrors import mirror_of
from escalera.experiment import climb as climbing
from escalera.experiment.executors import executor
from escalera.experiment.place import Away, find_place
from escalera.experiment.stage import tasks_of
from escalera.ladder.schema import Rung
from escalera.run import remote
from escalera.run.events import Events, Progress
from escalera.run.outcome import Outcome
from escalera.run.synced import synced
from escalera.run.task import Task

LADDER: dict[str, Any] = {
    "name": "far",
    "data": {"source": "digits", "validation": 0.2, "test": 0.4},
    "train": {"epochs": 4, "batch_size": 128, "optimizer": {"name": "adam", "lr": 0.01}, "early_stopping": None},
    "rungs": [
        {"name": "mlp", "model": {"kind": "mlp", "dense": [4]}},
        {
            "name": "votes",
            "change": {
                "model": {"kind": "votes", "features": {"from": "mlp"}, "classifiers": [{"name": "nearest_neighbours"}]}
            },
        },
    ],
}
RUN = "far/mlp/seed-0"


@pytest.fixture
def url() -> str:
    return f"memory://{uuid.uuid4().hex}/runs"


@pytest.fixture
def away(url: str) -> Store:
    return Store(url)


@pytest.fixture
def here(away: Store, tmp_path: Path) -> Mirror:
    return Mirror(away, tmp_path / "here")


@pytest.fixture
def other(away: Store, tmp_path: Path) -> Mirror:
    return Mirror(away, tmp_path / "other")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(storing, "PAUSES", (0.0, 0.0))
    yield
    open_store.cache_clear()


def fill(mirror: Mirror, **files: str) -> None:
    for name, text in files.items():
        path = mirror.folder / RUN / name.replace("__", "/").replace("_json", ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def made(folder: Path) -> dict[str, str]:
    names = ("predictions.parquet", "best.safetensors", "preparation.safetensors")
    return {str(path.relative_to(folder)): sha256(path) for name in names for path in folder.rglob(name)}


def drawer(url: str) -> Path:
    return mirror_of(cache_root(), open_store(url).url)


def test_what_is_a_url() -> None:
    assert is_url("s3://bucket/runs") and is_url("file:///tmp/x") and is_url("memory://x")
    assert not is_url("runs") and not is_url("/tmp/a:b") and not is_url("C:\\runs") and not is_url(Path("runs"))
    with pytest.raises(EscaleraError, match=r"out: expected a URL as text, received Path\('s3:/bucket/runs'\), which"):
        is_url(Path("s3://bucket/runs"))
    for empty in ("", " "):
        with pytest.raises(
            EscaleraError, match=r"--out: expected a folder, or a URL as s3://.*, received an empty text"
        ):
            is_url(empty)


@pytest.mark.parametrize(
    "given", ["s3:/bucket/runs", "S3:bucket/runs", " s3://bucket/runs", "gs:\\bucket", "file:/tmp/x"]
)
def test_a_url_that_is_written_otherwise_is_no_folder(given: str) -> None:
    expected = (
        f"--out {given}: expected a URL as s3://bucket/runs, with two slashes and nothing before its first letter"
    )
    with pytest.raises(EscaleraError) as caught:
        is_url(given)
    assert str(caught.value) == expected
    assert translate(expected, "es").startswith(f"--out {given}: se esperaba una URL")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s4://bucket/runs", "--out s4://bucket/runs: unknown scheme 's4'; did you mean 's3'?"),
        ("gss://bucket/runs", "--out gss://bucket/runs: unknown scheme 'gss'; did you mean 'gs'?"),
        ("memory://", "--out memory://: expected a URL as s3://bucket/runs, received one that names no place"),
    ],
)
def test_urls_that_nothing_opens(url: str, expected: str) -> None:
    with pytest.raises(EscaleraError) as caught:
        esc.climb(LADDER, out=url, quiet=True)
    assert str(caught.value) == expected.removeprefix("--")
    assert translate(expected, "es") != expected


@pytest.mark.parametrize(("scheme", "library", "extra"), [("s3", "s3fs", "s3"), ("gs", "gcsfs", "gcs")])
def test_a_library_that_is_not_there(scheme: str, library: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    _registry.pop(scheme, None)
    with pytest.raises(EscaleraError) as caught:
        Store(f"{scheme}://bucket/runs")
    expected = (
        f"--out {scheme}://bucket/runs: expected {library}, found none. Install it: pip install 'escalera[{extra}]'"
    )
    assert str(caught.value) == expected
    assert translate(expected, "es").startswith(f"--out {scheme}://bucket/runs: se esperaba {library}")


def test_a_record_is_put_there_after_what_it_knows(here: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    put: list[str] = []
    original = Store.put

    def note(self: Store, path: Path, name: str) -> object:
        put.append(name)
        return original(self, path, name)

    monkeypatch.setattr(Store, "put", note)
    fill(here, run_json="1", last__state_json="1", last__x="1", z="1")
    here.push(RUN)
    assert put == [f"{RUN}/last/x", f"{RUN}/z", f"{RUN}/last/state.json", f"{RUN}/run.json"]
    here.push(RUN)
    assert len(put) == 4
    fill(here, run_json="2")
    here.push(RUN)
    assert put[4:] == [f"{RUN}/run.json"]


def test_the_record_of_a_fold_comes_after_its_files_and_that_of_all_last() -> None:
    """A push that is cut short leaves nobody a record of what is not there."""
    names = [
        f"tiny/mlp/seed-0/{name}" for name in ("run.json", "fold-1/run.json", "fold-1/last/state.json", "fold-1/x", "y")
    ]
    assert [name.removeprefix("tiny/mlp/seed-0/") for name in mirrors._ordered(names)] == [
        "fold-1/x", "y", "fold-1/last/state.json", "fold-1/run.json", "run.json"
    ]  # fmt: skip


def test_what_goes_here_goes_there_after_the_record(here: Mirror, away: Store) -> None:
    fill(here, run_json="1", last__a="1")
    here.push(RUN)
    (here.folder / RUN / "last" / "a").unlink()
    fill(here, last__b="2", run_json="2")
    here.push(RUN)
    assert sorted(away.listed(RUN)) == [f"{RUN}/last/b", f"{RUN}/run.json"]


def test_another_machine_goes_on_from_what_is_there(here: Mirror, other: Mirror) -> None:
    fill(here, run_json="1", last__a="1")
    here.push(RUN)
    other.pull(RUN)
    assert (other.folder / RUN / "run.json").read_text() == "1"
    (other.folder / RUN / "last" / "a").unlink()
    fill(other, run_json="2", last__b="2")
    other.push(RUN)
    here.pull(RUN)
    assert (here.folder / RUN / "run.json").read_text() == "2"
    assert [path.name for path in (here.folder / RUN / "last").iterdir()] == ["b"]


def test_what_nobody_else_has_written_stays_as_it_is_here(here: Mirror) -> None:
    fill(here, run_json="1")
    here.push(RUN)
    fill(here, run_json="newer", z="new")
    here.pull(RUN)
    assert (here.folder / RUN / "run.json").read_text() == "newer" and (here.folder / RUN / "z").exists()


def test_nobody_writes_over_what_somebody_else_has_written(here: Mirror, other: Mirror) -> None:
    fill(here, run_json="1")
    here.push(RUN)
    other.pull(RUN)
    fill(other, run_json="2")
    other.push(RUN)
    fill(here, run_json="3")
    with pytest.raises(RunError, match=rf"somebody else has written {here.store.url}/{RUN}/run\.json since") as caught:
        here.push(RUN)
    assert translate(str(caught.value), "es").startswith("otro ha escrito")
    here.pull(RUN)
    assert (here.folder / RUN / "run.json").read_text() == "2"


def test_a_push_that_was_cut_short_is_no_strangers(here: Mirror, away: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(here, run_json="1", a="1", b="1")
    original = Store.put

    def cut(self: Store, path: Path, name: str) -> None:
        if name.endswith("/b"):
            raise KeyboardInterrupt
        original(self, path, name)

    monkeypatch.setattr(Store, "put", cut)
    with pytest.raises(KeyboardInterrupt):
        here.push(RUN)
    monkeypatch.undo()
    assert list(away.listed(RUN)) == [f"{RUN}/a"] and unsent(here.folder)
    (here.folder / RUN / "a").unlink()
    here.pull(RUN)
    assert not (here.folder / RUN / "a").exists()
    here.push(RUN)
    assert sorted(away.listed(RUN)) == [f"{RUN}/b", f"{RUN}/run.json"] and not unsent(here.folder)


def test_a_run_that_takes_anothers_place_is_never_seen_with_its_record(
    here: Mirror, away: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, begun = here.folder / RUN, here.folder / f"{RUN}.0123abcd"
    fill(here, run_json="old", **{"best.safetensors": "old"})
    shutil.copytree(run, begun)
    (begun / "run.json").write_text("new")
    (begun / "best.safetensors").write_text("new")
    here.push(RUN)
    run.rename(run.with_name("seed-0.kept-001"))
    begun.rename(run)
    original, seen = Store.put, []

    def put(self: Store, path: Path, name: str) -> None:
        there = away.listed(RUN.rpartition("/")[0])
        seen.append((name, f"{RUN}/run.json" in there, f"{RUN}.0123abcd/run.json" in there))
        original(self, path, name)

    monkeypatch.setattr(Store, "put", put)
    here.push(RUN)
    assert [name for name, *_ in seen] == [
        f"{RUN}.kept-001/best.safetensors", f"{RUN}.kept-001/run.json", f"{RUN}/best.safetensors", f"{RUN}/run.json"
    ]  # fmt: skip
    assert not any(record for _, record, _ in seen) and all(begun for *_, begun in seen)
    assert not any("0123abcd" in name for name in away.listed("far"))


def test_a_place_that_was_emptied_is_filled_again(here: Mirror, away: Store) -> None:
    fill(here, run_json="1")
    here.push(RUN)
    away.remove(f"{RUN}/run.json")
    here.pull(RUN)
    here.push(RUN)
    assert list(away.listed(RUN)) == [f"{RUN}/run.json"]


def test_names_that_lead_elsewhere_are_not_pulled(here: Mirror, away: Store) -> None:
    for name in ("far/mlp/seed-0/a", "far/.climb", "far/mlp/seed-0/b\\c"):
        away.write(name, b"1")
    assert list(away.listed("far")) == ["far/mlp/seed-0/a"]
    assert part_of("far/mlp/seed-0.kept-001/a") == "far/mlp/seed-0" and part_of("far/figures/a.svg") == "far"


@pytest.mark.parametrize("lost", [2, 3])
def test_a_network_that_is_away_is_asked_again(lost: int, away: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    original = away.files.pipe_file

    def pipe(path: str, content: bytes) -> None:
        calls.append(path)
        if len(calls) <= lost:
            raise ConnectionError("no route to host")
        original(path, content)

    monkeypatch.setattr(away.files, "pipe_file", pipe)
    if lost == 2:
        away.write("far/x", b"1")
        assert away.read("far/x") == b"1"
        return
    with pytest.raises(EscaleraError) as caught:
        away.write("far/x", b"1")
    expected = (
        f"could not write {away.url}/far/x: no route to host. Look at the network, and whether you may read and write "
        "there; what was trained lies on this machine, and the same command goes on from it."
    )
    assert str(caught.value) == expected
    assert translate(expected, "es").startswith(f"no se pudo escribir {away.url}/far/x: no route to host. Mira la red")


def test_one_climb_at_a_time(away: Store, url: str) -> None:
    slip = Object(away, "far/.climb", f"{url}/far")
    expected = rf"is at work at {url}/far\. Wait until it is done, or give this climb"
    with lease(slip, lambda: False, lambda: None, 0.05), pytest.raises(RunError, match=expected):
        esc.climb(LADDER, out=url, quiet=True)
    assert away.read("far/.climb") is None
    gone = Holder("x", "nowhere", 1)
    away.write("far/.climb", json.dumps(vars(gone)).encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("escalera.core.lease.STALE", 0.2)
        with lease(slip, lambda: False, lambda: None, 0.05):
            assert json.loads(slip.read())["owner"] != "x"


class Cut(Events):
    """Ends a climb after some epochs, as Ctrl-C does."""

    def epoch_ends(self, progress: Progress) -> None:
        if progress.epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_a_climb_goes_on_on_another_machine_with_the_same_bits(scheme: str, tmp_path: Path, url: str) -> None:
    url = url if scheme == "memory" else (tmp_path / "disk" / "runs").as_uri()
    reading = esc.load_ladder(LADDER)
    with threads(1):
        esc.climb(reading, out=tmp_path / "one", quiet=True)
        with pytest.raises(KeyboardInterrupt):
            climbing.climb(reading, out=url, events=Cut())
        shutil.rmtree(cache_root())
        heard: list[int] = []

        class Heard(Events):
            def resumes(self, epoch: int) -> None:
                heard.append(epoch)

            def ladder_ends(self, folder: Path, report: Path | str, failed: Any) -> None:
                heard.append(report)  # type: ignore[arg-type]

        results = climbing.climb(reading, out=url, events=Heard())
    # Ctrl-C came before the push of the second epoch.
    assert heard == [1, f"{url}/far/report.html"] and not results.failed
    assert made(results.report.parent) == made(tmp_path / "one" / "far")
    assert read_json(results["mlp"].dir.record)["test_looks"] == 1
    shutil.rmtree(cache_root())
    again = climbing.climb(reading, out=url, rungs=["votes"], events=Cut())
    assert not again.failed and made(again.report.parent) == made(tmp_path / "one" / "far")
    assert {name.rpartition("/")[2] for name in open_store(url).listed("far")} >= {"report.html", "ladder.json"}
    assert [path.name for path in Path.cwd().iterdir() if ":" in path.name] == []


def test_a_store_that_goes_away_fails_the_run_and_the_same_command_goes_on(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, cut = Store.put, [True]

    def put(self: Store, path: Path, name: str) -> None:
        if cut[0] and name.endswith("state.json"):
            self._tried("write", name, lambda: (_ for _ in ()).throw(ConnectionError("gone")))
        original(self, path, name)

    monkeypatch.setattr(Store, "put", put)
    with (
        threads(1),
        pytest.raises(EscaleraError, match=rf"could not write {url}/far/mlp/seed-0/last/state\.json: gone"),
    ):
        esc.climb(LADDER, out=url, quiet=True)
    assert unsent(drawer(url)) and (clear(cache_root()), drawer(url).is_dir())[1]
    cut[0] = False
    assert not esc.climb(LADDER, out=url, quiet=True).failed
    assert not unsent(drawer(url))


def test_the_cache_shows_mirrors_and_clears_those_that_are_done(url: str, here: Mirror) -> None:
    folder = drawer(url)
    (entry,) = entries(cache_root())
    assert (entry.kind, entry.source) == ("mirrored", url)
    (folder / ".store").mkdir()
    (folder / ".store" / "ledger.json").write_text(json.dumps({"waits": True}))
    assert clear(cache_root()) == [] and folder.is_dir()
    assert [one.name for one in clear(cache_root(), [url])] == [folder.name] and not folder.is_dir()


def test_slurm_needs_a_folder(url: str) -> None:
    reading = esc.load_ladder(LADDER)
    (task,) = tasks_of(reading, [(reading.ladder["mlp"], 0)], Path("x"), None, "cpu", url, fresh=False, skip_bad=False)
    expected = f"--cluster slurm: expected a folder that all machines see as --out, received {url}"
    with pytest.raises(EscaleraError) as caught:
        executor("slurm:local")(Events(), [task], "auto", "cpu")
    assert str(caught.value) == expected and translate(expected, "es") != expected


def test_a_task_works_in_the_mirror_of_its_own_machine(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = esc.load_ladder(LADDER)
    pending = [(reading.ladder["mlp"], 0)]
    (task,) = tasks_of(reading, pending, Path("/elsewhere/far"), None, "cpu", url, fresh=False, skip_bad=False)
    order = remote.order(task, (), "a climb")
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "node"))
    assert remote.outcome(remote.perform_order(order)) == Outcome("mlp", 0)
    assert read_json(drawer(url) / RUN / "run.json")["state"] == "done"
    store = open_store(url)
    assert f"{RUN}/run.json" in store.listed("far")
    told = (store.read(remote.events_at(task)) or b"").decode()
    assert "rung_ends" in told and "step_ends" not in told
    remote.stop_all(task)
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "third"))
    with pytest.raises(KeyboardInterrupt):
        remote.outcome(remote.perform_order(order))


def lie_there(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file but notes."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    names = ((path.relative_to(folder).as_posix(), path) for path in paths)
    return {name: sha256(path) for name, path in names if not any(part.startswith(".") for part in name.split("/"))}


def test_a_run_that_a_worker_holds_is_left_to_it(url: str) -> None:
    place = find_place(url, "far")
    assert isinstance(place, Away)
    fill(place.mirror, run_json="1")
    (place.folder / "ladder.json").write_text("1")
    with place.mirror.held(RUN):
        place.give(at_work=True)
        assert list(place.store.listed("far")) == ["far/ladder.json"]
        with pytest.raises(RunError, match=r"another climb \(process \d+\) is at work in .*seed-0\. Wait until it is"):
            place.give()
    place.give(at_work=True)
    assert sorted(place.store.listed("far")) == ["far/ladder.json", f"{RUN}/run.json"]


FOLDS: dict[str, Any] = {
    "name": "far",
    "data": {"source": "digits", "folds": 3},
    "train": {"epochs": 2, "batch_size": 128, "optimizer": {"name": "adam", "lr": 0.01}},
    "rungs": [
        {"name": "mlp", "model": {"kind": "cnn", "blocks": [[4]]}},
        {"name": "moved", "change": {"model": {"kind": "transfer", "weights": {"from": "mlp"}}}},
    ],
}


@pytest.fixture
def whole(url: str) -> Task:
    reading = esc.load_ladder(FOLDS)
    pending = [(reading.ladder["mlp"], 0)]
    [task] = tasks_of(reading, pending, drawer(url) / "far", None, "cpu", url, fresh=False, skip_bad=False)
    return task


def performed(task: Task, work: Any) -> Outcome:
    def done(heard: Events) -> Outcome:
        work(heard)
        return Outcome(*task.key)

    return synced(task, Rung.model_validate_json(task.rung), Events(), done)


def epoch(heard: Events) -> None:
    heard.epoch_ends(Progress(1, 2, 1, 1, 0.5, 0.0, 0.0, 0.0, None))


def test_folds_put_their_own_files_there_while_others_write_theirs(url: str, away: Store, whole: Task) -> None:
    here = Mirror(away, drawer(url))
    performed(whole, lambda heard: fill(here, run_json="begun"))

    def first(heard: Events) -> None:
        fill(here, **{"fold-1__last__a": "1", "fold-2__half": "1"})
        epoch(heard)
        assert sorted(away.listed(RUN)) == [f"{RUN}/fold-1/last/a", f"{RUN}/run.json"]
        assert performed(whole.of_fold(2), second) == Outcome("mlp", 0)
        (here.folder / RUN / "fold-1" / "last" / "a").unlink()
        fill(here, **{"fold-1__run_json": "done"})

    def second(heard: Events) -> None:
        (here.folder / RUN / "fold-2" / "half").unlink()
        fill(here, **{"fold-2__run_json": "done"})

    assert performed(whole.of_fold(1), first) == Outcome("mlp", 0)
    there = {f"{RUN}/run.json", f"{RUN}/fold-1/run.json", f"{RUN}/fold-2/run.json"}
    assert {*away.listed(RUN)} == there and not unsent(here.folder)
    # Nobody else has written there, so that nothing is fetched, and the record is pushed over the one that is there.
    assert performed(whole, lambda heard: fill(here, run_json="joined")) == Outcome("mlp", 0)
    assert away.read(f"{RUN}/run.json") == b"joined" and {*away.listed(RUN)} == there


def test_a_fold_that_was_cut_short_is_no_stranger_to_the_others(
    url: str, away: Store, whole: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, original = Mirror(away, drawer(url)), Store.put

    def cut(self: Store, path: Path, name: str) -> None:
        original(self, path, name)
        if name.endswith("fold-1/b"):
            raise KeyboardInterrupt

    monkeypatch.setattr(Store, "put", cut)
    fill(here, **{"fold-1__a": "1", "fold-1__b": "1", "fold-2__a": "1"})
    with pytest.raises(KeyboardInterrupt):
        performed(whole.of_fold(1), epoch)
    monkeypatch.undo()
    fill(here, **{"fold-1__b": "2"})
    assert performed(whole.of_fold(2), epoch) == Outcome("mlp", 0)
    assert unsent(here.folder), "of the first fold"
    assert performed(whole.of_fold(1), epoch) == Outcome("mlp", 0)
    assert performed(whole, lambda heard: fill(here, run_json="joined")) == Outcome("mlp", 0)
    assert not unsent(here.folder) and away.read(f"{RUN}/fold-1/b") == b"2"
    assert {*away.listed(RUN)} == {f"{RUN}/{name}" for name in ("run.json", "fold-1/a", "fold-1/b", "fold-2/a")}


def test_whoever_looks_at_a_run_for_a_moment_does_not_fail_it(url: str, away: Store, whole: Task) -> None:
    """A task that starts from it looks, as does a search that sees what has changed: its own task waits for that."""
    here, looked, outcomes = Mirror(away, drawer(url)), threading.Event(), []

    def look(heard: Events) -> None:
        looked.set()

    with here.held(RUN):
        thread = threading.Thread(target=lambda: outcomes.append(performed(whole, look)), daemon=True)
        thread.start()
        assert not looked.wait(0.2)
    thread.join(60)
    assert outcomes == [Outcome("mlp", 0)] and looked.is_set()


@pytest.mark.slow
def test_folds_side_by_side_at_a_url(tmp_path: Path) -> None:
    """Each puts there what is its own, and another machine goes on with those that are not done."""
    url, reading = (tmp_path / "disk").as_uri(), esc.load_ladder(FOLDS)
    begun: set[str] = set()
    with threads(1):
        esc.climb(reading, out=tmp_path / "one", quiet=True)

    class Heard(Events):
        def of_run(self, rung: str, seed: int) -> Events:
            begun.add(rung)
            return self

    class Stopped(Heard):
        def of_run(self, rung: str, seed: int) -> Events:
            if rung == "mlp/fold-3":  # an earlier one is done, and there
                raise KeyboardInterrupt
            return self

    with pytest.raises(KeyboardInterrupt):
        climbing.climb(reading, out=url, jobs=2, events=Stopped())
    there = [number for number in (1, 2, 3) if (tmp_path / "disk" / RUN / f"fold-{number}" / "run.json").exists()]
    assert there and read_json(tmp_path / "disk" / RUN / "run.json")["state"] == "running"
    shutil.rmtree(cache_root())
    assert not climbing.climb(reading, out=url, jobs=2, events=Heard()).failed
    assert "moved/fold-3" in begun and not begun >= {"mlp/fold-1", "mlp/fold-2", "mlp/fold-3"}
    assert made(tmp_path / "disk" / "far") == made(tmp_path / "one" / "far")
    assert lie_there(tmp_path / "disk" / "far") == lie_there(drawer(url) / "far") and not unsent(drawer(url))
    # What is trained again beside a run that stands takes its place there too.
    climbing.climb(reading, out=url, rungs=["mlp"], jobs=2, fresh=True)
    assert lie_there(tmp_path / "disk" / "far") == lie_there(drawer(url) / "far") and not unsent(drawer(url))
    assert made(tmp_path / "disk" / f"{RUN}.kept-001") == made(tmp_path / "one" / RUN)
