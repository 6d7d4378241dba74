"""The runs that are there: listed with what they are, put back, and removed by their whole names alone."""

import json
import shutil
import sys
from pathlib import Path

import pytest

import escalera as esc
from escalera import cli
from escalera.core.errors import RunError
from escalera.core.files import read_sealed, write_sealed
from escalera.core.rundir import RunDir
from escalera.experiment import inventory
from escalera.report.story import read_story

LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [8]}
    train: {epochs: 2, batch_size: 256, optimizer: {name: adam, lr: 0.01}}
"""
STANDS, KEPT, BEGUN = "tiny/mlp/seed-0", "tiny/mlp/seed-0.kept-001", "tiny/mlp/seed-0.0123abcd"


Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def run(monkeypatch: Patch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["escalera", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inventory")
    (folder / "tiny.yaml").write_text(LADDER)
    for epochs in (2, 1):
        esc.climb(folder / "tiny.yaml", sets=f"train.epochs={epochs}", out=folder / "runs", quiet=True)
    begun = RunDir(folder / "runs" / BEGUN)
    begun.path.mkdir()
    begun.write_record({"state": "running", "started": "2026-01-02T03:04:05+00:00", "settings": "0123abcd" * 8})
    return folder / "runs"


@pytest.fixture
def runs(climbed: Path, tmp_path: Path, monkeypatch: Patch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(climbed, tmp_path / "runs")
    return Path("runs")


def epochs(path: Path) -> int:
    return len(RunDir(path).read_history())


@pytest.mark.parametrize("folder", [".", "tiny", "tiny/mlp"])
def test_each_run_is_listed_with_what_it_is(runs: Path, folder: str) -> None:
    found = inventory.inventory(runs / folder)
    assert [(str(one.path.relative_to(runs)), one.place, one.state) for one in found] == [
        (STANDS, "stands", "done"), (BEGUN, "begun", "running"), (KEPT, "kept", "done"),
    ]  # fmt: skip
    stands, begun, kept = found
    assert kept.differs == {"train.epochs": 2} and stands.differs == {}
    assert kept.settings == RunDir(kept.path).read_record()["settings"] != stands.settings
    assert begun.date == "2026-01-02T03:04:05+00:00"
    accuracy: object = kept.accuracy
    assert (accuracy == esc.open(kept.path) and False) or kept.accuracy is not None
    assert kept.bytes == sum(path.stat().st_size for path in kept.path.rglob("*") if path.is_file())
    assert [one.damaged for one in found] == ["", "", ""]
    assert json.loads(json.dumps([one.to_json() for one in found]))[2]["path"] == str(kept.path)


def test_one_run_alone(runs: Path) -> None:
    assert [one.path for one in inventory.inventory(runs / KEPT)] == [runs / KEPT]


def test_a_damaged_run_is_listed_as_such(runs: Path, monkeypatch: Patch, capsys: Capture) -> None:
    RunDir(runs / KEPT).metrics.write_text("{}")
    RunDir(runs / STANDS).record.write_text("[]")
    assert [one.damaged for one in inventory.inventory(runs)] == ["run.json", "", "metrics.json"]
    assert run(monkeypatch, "runs") == 0
    out = capsys.readouterr().out
    assert "run.json is damaged" in out and "kept, metrics.json is damaged, train.epochs=2" in out
    assert run(monkeypatch, "runs", "restore", KEPT) == 2
    assert f"{runs / KEPT}/metrics.json is not what was written (its SHA-256 differs)" in capsys.readouterr().err


@pytest.mark.parametrize("name", [KEPT, f"runs/{KEPT}", f"runs/{KEPT}/"])
def test_a_kept_run_is_put_back(runs: Path, monkeypatch: Patch, capsys: Capture, name: str) -> None:
    before = (runs / "tiny" / "report.html").read_text()
    assert run(monkeypatch, "runs", "restore", name) == 0
    out = capsys.readouterr().out.splitlines()
    assert out == [
        f"runs/{KEPT} stands at runs/{STANDS} again",
        "what stood there is kept as runs/tiny/mlp/seed-0.kept-002",
    ]
    assert (epochs(runs / STANDS), epochs(runs / "tiny/mlp/seed-0.kept-002")) == (2, 1)
    entry = read_sealed(runs / "tiny" / "ladder.json")["rungs"][0]
    assert (entry["seeds"], entry["as_asked"]) == ([0], False)
    assert read_story(runs / "tiny").rungs[0].accuracy == inventory.inventory(runs / STANDS)[0].accuracy
    after = (runs / "tiny" / "report.html").read_text()
    assert after != before and "Made by an earlier climb, with other settings" in after
    assert run(monkeypatch, "runs", "restore", STANDS) == 2
    assert "stands already" in capsys.readouterr().err


def test_what_is_not_finished_is_not_put_back(runs: Path) -> None:
    with pytest.raises(RunError, match=r"seed-0.0123abcd is running, not done; climb with its settings to finish it"):
        inventory.restore(RunDir(runs / BEGUN))


def test_a_run_of_an_earlier_version_is_put_back(runs: Path) -> None:
    old = RunDir(runs / KEPT)
    record = {key: value for key, value in old.read_record().items() if key not in ("files", "settings")}
    old.record.write_text(json.dumps(record))
    old.path.rename(old.path.with_name("seed-0.previous"))
    inventory.restore(RunDir(old.path.with_name("seed-0.previous")))
    assert epochs(runs / STANDS) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "tiny/mlp",
            "tiny/mlp is no run but holds 3: seed-0, seed-0.0123abcd, seed-0.kept-001. Name one of them whole.",
        ),
        ("tiny", "tiny is no run but holds 3: mlp/seed-0, mlp/seed-0.0123abcd, mlp/seed-0.kept-001."),
        ("tiny/mlp/seed-0.kept-01", f"there is no run tiny/mlp/seed-0.kept-01; did you mean '{KEPT}'?"),
        ("tiny/mpl/seed-0", f"there is no run tiny/mpl/seed-0; did you mean '{STANDS}'?"),
        ("tiny/mlp/seed-0/last", "there is no run tiny/mlp/seed-0/last; did you mean"),
    ],
)
@pytest.mark.parametrize("action", ["restore", "remove"])
def test_only_a_whole_name_is_one(
    runs: Path, monkeypatch: Patch, capsys: Capture, action: str, name: str, message: str
) -> None:
    before = sorted(runs.rglob("*"))
    assert run(monkeypatch, "runs", action, name) == 2
    assert message in capsys.readouterr().err
    assert [path for path in before if not path.exists()] == []


def test_nothing_is_removed_that_nobody_confirmed(runs: Path, monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "runs", "remove", KEPT) == 2
    assert "remove asks first, and nobody is there to answer; add --yes" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    for answer, left in ((False, True), (True, False)):
        asked: list[str] = []

        def confirm(text: str, asked: list[str] = asked, answer: bool = answer) -> bool:
            asked.append(text)
            return answer

        monkeypatch.setattr("typer.confirm", confirm)
        assert run(monkeypatch, "runs", "remove", KEPT) == 0
        assert (runs / KEPT).exists() == left
        assert asked[0].startswith(f"This deletes for good: runs/{KEPT} (")
    assert "nothing was deleted" in capsys.readouterr().out
    assert (runs / STANDS).exists() and (runs / BEGUN).exists()


def test_the_run_that_stands_is_removed_where_it_is_named(runs: Path, monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "runs", "remove", STANDS, BEGUN, "--yes") == 0
    assert "which its ladder stands by" in capsys.readouterr().out
    assert [one.place for one in inventory.inventory(runs)] == ["kept"]
    assert read_sealed(runs / "tiny" / "ladder.json")["rungs"] == []
    assert run(monkeypatch, "runs", "restore", KEPT) == 0
    assert epochs(runs / STANDS) == 2


def test_the_list_as_a_table_and_for_programs(runs: Path, monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "runs") == 0
    out = capsys.readouterr().out
    assert "runs/tiny/mlp/seed-0.kept-001" in out and "kept, train.epochs=2" in out
    assert "3 runs, " in out and "in runs that no ladder stands by" in out
    assert run(monkeypatch, "runs", "runs/tiny", "--json") == 0
    assert [row["place"] for row in json.loads(capsys.readouterr().out)] == ["stands", "begun", "kept"]
    assert run(monkeypatch, "runs", "--out", "nothing-here") == 0
    assert capsys.readouterr().out == "there is no run in nothing-here\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rums"], "there is no folder rums; did you mean 'runs'?"),
        (["restor", KEPT], "received restor tiny/mlp/seed-0.kept-001; did you mean 'restore'?"),
        (["restore"], "expected one run to restore, as escalera runs restore runs/digits/cnn, received none"),
        (["remove"], "expected a run to remove, as escalera runs remove runs/digits/cnn, received none"),
        (["restore", "a", "b"], "to restore, as escalera runs restore runs/digits/cnn, received 2: a b"),
    ],
)
def test_what_is_typed_otherwise(
    runs: Path, monkeypatch: Patch, capsys: Capture, words: list[str], message: str
) -> None:
    assert run(monkeypatch, "runs", *words) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rums"], "no hay ninguna carpeta rums; ¿quisiste decir «runs»?"),
        (
            ["restore"],
            "se esperaba una ejecución que devolver a su sitio, como escalera runs restore runs/digits/cnn, y no hay "
            "ninguna",
        ),
        (["restore", STANDS], "ya está en su lugar; escalera runs muestra las conservadas"),
        (["restore", BEGUN], "está sin terminar («running»); entrena con sus ajustes para terminarla"),
        (["remove", KEPT], "remove pregunta antes y aquí no hay nadie que responda"),
        (["remove", "tiny/mlp"], "tiny/mlp no es una ejecución, pero contiene 3: seed-0"),
        (["remove", "tiny/mpl/seed-0"], f"no hay ninguna ejecución tiny/mpl/seed-0; ¿quisiste decir «{STANDS}»?"),
    ],
)
def test_in_spanish(runs: Path, monkeypatch: Patch, capsys: Capture, words: list[str], message: str) -> None:
    assert run(monkeypatch, "runs", *words, "--lang", "es") == 2
    assert message in capsys.readouterr().err


SEARCH, KEPT_SEARCH = "tiny/mlp/search", "tiny/mlp/search.kept-001"


def add_searches(runs: Path) -> None:
    """A search with two trials, one that was kept, and a trial's folder, in the rung's."""
    trials = [{"number": number, "state": "done", "value": 0.5} for number in range(2)]
    for name in (SEARCH, KEPT_SEARCH):
        write_sealed(runs / name / "search.json", {"state": "done", "trials": trials})
        trial = RunDir(runs / name / "trial-0001" / "seed-1000")
        trial.path.mkdir(parents=True)
        trial.write_record({"state": "done", "files": {"best.safetensors": "0" * 64}})


def test_a_search_is_one_entry_with_its_size(runs: Path, monkeypatch: Patch, capsys: Capture) -> None:
    add_searches(runs)
    for folder in (runs, runs / "tiny", runs / "tiny" / "mlp"):
        found = {run.path.relative_to(runs).as_posix(): run for run in inventory.inventory(folder)}
        assert set(found) == {STANDS, KEPT, BEGUN, SEARCH, KEPT_SEARCH}
        assert (found[SEARCH].place, found[SEARCH].trials, found[SEARCH].state) == ("stands", 2, "done")
        assert found[KEPT_SEARCH].place == "kept"
        size = sum(path.stat().st_size for path in (runs / SEARCH).rglob("*") if path.is_file())
        assert found[SEARCH].bytes == size
    assert [run.path for run in inventory.inventory(runs / SEARCH)] == [runs / SEARCH]
    with monkeypatch.context() as within:
        within.chdir(runs / "tiny" / "mlp")
        assert len(inventory.inventory(Path())) == 5
    assert run(monkeypatch, "runs") == 0
    text = capsys.readouterr().out
    assert "search of 2 trials" in text and "kept, search of 2 trials" in text and "3 runs," in text
    (runs / SEARCH / "search.json").write_text('{"state": "done", "digest": "0"}')
    [spoilt] = inventory.inventory(runs / SEARCH)
    assert (spoilt.state, spoilt.damaged) == ("damaged", "search.json")


def test_a_search_is_removed_and_not_put_back(runs: Path, monkeypatch: Patch, capsys: Capture) -> None:
    add_searches(runs)
    assert run(monkeypatch, "runs", "restore", KEPT_SEARCH) == 2
    assert "Only runs are put back" in " ".join(capsys.readouterr().err.split())
    assert run(monkeypatch, "runs", "restore", KEPT_SEARCH, "--lang", "es") == 2
    assert "Solo se reponen ejecuciones" in " ".join(capsys.readouterr().err.split())
    assert run(monkeypatch, "runs", "remove", KEPT_SEARCH, "--yes") == 0
    assert not (runs / KEPT_SEARCH).exists() and (runs / SEARCH).exists()
    # The run that its settings came from stays where the run is removed, and the other way round.
    assert run(monkeypatch, "runs", "remove", STANDS, "--yes") == 0
    assert (runs / SEARCH / "search.json").exists()


def test_a_rung_of_that_name_is_no_search(runs: Path) -> None:
    (runs / "tiny" / "mlp").rename(runs / "tiny" / "search")
    found = {run.path.relative_to(runs).as_posix(): run.trials for run in inventory.inventory(runs)}
    assert found == {name.replace("mlp", "search"): None for name in (STANDS, KEPT, BEGUN)}


def test_a_trial_is_not_compared(runs: Path, monkeypatch: Patch, capsys: Capture) -> None:
    add_searches(runs)
    for path in (SEARCH, f"{SEARCH}/trial-0001", f"{SEARCH}/trial-0001/seed-1000"):
        assert run(monkeypatch, "compare", f"runs/{STANDS}", f"runs/{path}") == 2
        text = " ".join(capsys.readouterr().err.split())
        assert f"runs/{path} belongs to a search, which never reads a test row. Compare the rung itself:" in text
        assert text.endswith("runs/tiny/mlp.")
