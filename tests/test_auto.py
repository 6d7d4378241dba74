"""A ladder that builds itself: what it keeps and why, what it reads, and how it goes on where it was stopped."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from escalera.core.errors import DataError, EscaleraError, RunError
from escalera.core.files import plain_yaml, read_json
from escalera.core.predictions import read_answers
from escalera.core.rundir import RunDir
from escalera.core.translation import translate
from escalera.data.dataset import Dataset, Split
from escalera.data.folds import TURNS
from escalera.experiment import climb as climbing
from escalera.experiment.auto import ascent
from escalera.experiment.auto import auto as building
from escalera.experiment.auto.ascent import Ascent
from escalera.experiment.auto.auto import auto
from escalera.experiment.auto.built import Built
from escalera.experiment.auto.diary import Attempt, Diary, read_diary
from escalera.experiment.auto.evidence import DEARER, DETECTABLE, POINTS, SURER, Evidence, detectable
from escalera.experiment.auto.ground import Ground
from escalera.experiment.auto.moves import AGAIN, MOVES, first
from escalera.experiment.auto.name import free_name
from escalera.experiment.auto.text import as_ladder, sentence, words_of
from escalera.experiment.auto.timing import Timing
from escalera.experiment.climb import load_ladder
from escalera.experiment.executors import serial
from escalera.experiment.place import find_place
from escalera.experiment.stage import Way
from escalera.ladder.read import dump_config
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.perform import perform
from escalera.run.task import Task, open_data

MINUTE = 60.0
FEW = ("wider", "smoothing", "mixup", "votes")
"""The moves that most tests know, so that they are over soon."""


@dataclass
class Counted(Timing):
    """No clock: each trial takes a minute, whatever the machine does meanwhile."""

    granted: int = 0

    @property
    def elapsed(self) -> float:
        return self.before + MINUTE * self.granted

    @property
    def left(self) -> float:
        return 3600.0

    def epochs(self, rung: Any, ground: Ground) -> int:
        return 2

    def seconds(self, rung: Any) -> float:
        return 1.0

    def allows(self, rung: Any, parent: Attempt, before: Any, ground: Ground) -> bool:
        fits = self.elapsed + MINUTE <= MINUTE * self.minutes
        self.granted += fits
        return fits

    def after(self, rung: Any, ground: Ground) -> float:
        return 0.0

    def final_epochs(self, last: Attempt, ground: Ground, after: float) -> int:
        return 3


class Heard(Events):
    """What was said; at the line `stop`, or at an epoch of the trial after so many, somebody presses Ctrl-C."""

    def __init__(self, stop: int = 0, epochs: int = 0) -> None:
        self.stop, self.epochs = stop, epochs
        self.found: list[str] = []
        self.moves: list[tuple[str, str]] = []
        self.files: list[Path] = []

    def auto_begins(self, name: str, found: list[str]) -> None:
        self.found = found

    def move_reported(self, state: str, line: str) -> None:
        self.moves.append((state, line))
        if len(self.moves) == self.stop:
            raise KeyboardInterrupt

    def epoch_ends(self, progress: Any) -> None:
        self.epochs -= 1
        if not self.epochs:
            raise KeyboardInterrupt

    def auto_ends(self, file: Path) -> None:
        self.files.append(file)


class Counting(Split):
    """The rows of test, of which is counted who looks at them."""

    def __getattribute__(self, name: str) -> Any:
        if name == "images":
            looks[at[0]] += 1
        return super().__getattribute__(name)


looks: Counter[str] = Counter()
at = ["nobody"]
performed: list[str] = []


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Built]:
    """Build a ladder on digits with few moves, a minute each, and without its page; what is trained is written down."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(climbing, "_report", lambda folder, *_, **__: folder / "report.html")
    monkeypatch.setattr(building, "Timing", Counted)
    monkeypatch.setattr(ascent, "MOVES", {name: MOVES[name] for name in FEW})
    whole = perform
    performed.clear()

    def noted(task: Task, failed: frozenset[str], events: Events) -> Outcome:
        at[0] = task.name
        performed.append(task.name)
        try:
            return whole(task, failed, events)
        finally:
            at[0] = "nobody"

    monkeypatch.setattr(serial, "perform", noted)

    def of(source: str = "digits", **options: Any) -> Built:
        return auto(source, **{"minutes": 2, "jobs": None, "device": "cpu", **options})

    return of


def ladder_of(file: Path) -> Any:
    return plain_yaml(file.read_text(encoding="utf-8"))


def test_it_leaves_a_ladder_that_can_be_read_and_climbed_again(build: Callable[..., Built], tmp_path: Path) -> None:
    """Each rung with its reason in both languages and the figures, what was dropped as comments, and the last run."""
    heard = Heard()
    built = build(minutes=4, events=heard)
    assert built.file == Path("digits.yaml") and heard.files == [built.file]
    assert repr(built).startswith("Built('digits.yaml': ") and repr(built).endswith(" kept; final)")
    assert heard.found[0].startswith("1,797 rows of 10 classes")
    text, ladder = built.file.read_text(encoding="utf-8"), load_ladder(built.file).ladder
    names = [rung.name for rung in ladder.rungs]
    assert names[0] == "baseline" and names[-1] == "final"
    assert names[1:-1] == [one.name for one in built.diary.kept[1:]]
    for attempt, rung in zip(built.diary.kept, ladder_of(built.file)["rungs"], strict=False):
        for code in ("en", "es"):
            words = words_of(code)
            assert rung["why"][code].startswith(words.say(f"auto.why.{attempt.move}"))
            figure = words.percent(attempt.accuracy)
            if attempt.evidence is not None:
                figure = words.points(attempt.evidence.difference, sign=True)
                assert words.number(attempt.evidence.rows) in rung["why"][code]
            assert figure in rung["why"][code]
    gone = [one for one in built.diary.attempts if one.state == "dropped"]
    assert gone and len(built.diary.attempts) == 5
    for attempt in gone:
        assert f"# - {sentence(attempt, words_of('en'))}\n" in text
        assert attempt.name not in names
    assert list(built.results) == ["final"] and built.results["final"].state == "done"
    record = built.results["final"].dir.read_record()
    assert (record["epochs"], record["test_looks"]) == (3, 1)
    again = climbing.climb(load_ladder(built.file, ["train.epochs=1"]), out=tmp_path / "again", device="cpu")
    assert not again.failed and list(again) == names


def test_the_test_rows_are_read_once_by_the_last_rung(
    build: Callable[..., Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in the whole call: the looks at their pictures, and how often a model was asked for them."""
    from escalera.run import attempt, evaluate

    opened, counted, asked = open_data, dict[Any, Dataset](), list[str]()

    def counting(source: Any) -> Dataset:
        data = opened(source)
        test = Counting(data.test.images, data.test.labels, data.test.rows)
        return counted.setdefault(source, replace(data, test=test))

    def evaluated(fitted: Any, config: Any, data: Any, run: RunDir) -> Any:
        asked.append("/".join(run.path.parts[-2:]))
        return evaluate.evaluate(fitted, config, data, run)

    looks.clear()
    monkeypatch.setattr(attempt, "data_of", lambda task, rung: counting(task.source))
    monkeypatch.setattr(building, "open_data", counting)
    monkeypatch.setattr(attempt, "evaluate", evaluated)
    built = build(minutes=4)
    assert not built.results.failed
    assert set(looks) == {"final"} and asked == ["final/seed-0"]
    records = {path: read_json(path)["test_looks"] for path in (tmp_path / "runs").rglob("run.json")}
    assert len(records) == 6 and all(count == ("search" not in path.parts) for path, count in records.items())


@pytest.mark.slow
@pytest.mark.parametrize("stop", [{"stop": 1}, {"stop": 2}, {"epochs": 4}])
def test_it_goes_on_where_it_was_stopped(build: Callable[..., Built], tmp_path: Path, stop: dict[str, int]) -> None:
    """Ctrl-C after a move, or in the middle of a training: no move twice, and none lost."""
    with pytest.raises(KeyboardInterrupt):
        build(events=Heard(**stop), minutes=5)
    assert not Path("digits.yaml").exists()
    done = {
        path.parents[1].name for path in (tmp_path / "runs").rglob("run.json") if read_json(path)["state"] == "done"
    }
    performed.clear()
    built = build(minutes=12)
    tried = [(one.move, one.parent) for one in built.diary.attempts]
    assert len(set(tried)) == len(tried) and {move for move, _ in tried} == {"first", *FEW}
    assert [one.error for one in built.diary.attempts if one.state not in ("kept", "dropped", "waits")] == []
    assert len(set(performed)) == len(performed)
    judged = {f"auto/search/{name}" for name in done}
    assert not judged & set(performed) or stop.get("epochs")
    numbers = sorted(int(path.name[-4:]) for path in (tmp_path / "runs/digits/auto/search").iterdir())
    assert numbers == [one.number for one in built.diary.attempts] == list(range(1, len(tried) + 1))


def test_more_minutes_go_on_and_the_same_train_nothing_anew(build: Callable[..., Built]) -> None:
    """The moves that are left, which are named, are tried on top of what is kept."""
    heard = Heard()
    one = build(minutes=1, events=heard)
    assert len(one.diary.attempts) == 2
    state, line = heard.moves[-1]
    assert state == "waits" and re.fullmatch(
        r"Not tried, since too little time was left: (wider; )?label smoothing; mixup(; votes of five classifiers)?\. "
        "The same command with more --minutes goes on from here\\.", line
    )  # fmt: skip
    text, before = one.file.read_text(), list(performed)
    same = build(minutes=1)
    assert performed == before and same.diary.attempts == one.diary.attempts
    assert same.file.read_text() == text
    more = build(minutes=3)
    assert more.diary.attempts[:2] == one.diary.attempts and len(more.diary.attempts) == 4
    new = performed[len(before) :]
    assert new[:-1] == ["auto/search/trial-0003", "auto/search/trial-0004"] and new[-1:] in (["final"], new[1:2])
    assert more.diary.elapsed == 3 * MINUTE and more.diary.minutes == 3


def test_a_move_that_was_cut_off_is_tried_again_where_there_is_more_time(tmp_path: Path) -> None:
    """It did not fail: there were too few minutes."""
    first = Attempt("first", "baseline", "", {}, 1, state="kept")
    cut = Attempt("wider", "wider", "baseline", {}, 2, state="failed", error=ascent.LATE, seconds=100.0)
    diary = Diary("digits", {}, {}, [], attempts=[first, cut])
    way: Any = SimpleNamespace(place=SimpleNamespace(folder=tmp_path), data_root=None)
    for minutes, again in ((3, False), (4, True)):
        timing = Timing(minutes, 0.0, 0, None, "cpu")
        going_on = Ascent(way, "digits", GROUND, diary, timing, words_of("en"))
        assert ("wider" in going_on._left(first)) == again
        assert going_on._known("wider", "baseline") == (None if again else cut)


def test_what_somebody_changed_is_not_overwritten(build: Callable[..., Built]) -> None:
    """Nor is a file that was there before, and nor does a name stand for two sources."""
    Path("mine.yaml").write_text("name: mine\n")
    with pytest.raises(EscaleraError, match=r"mine\.yaml exists, and is not as `escalera auto` wrote it") as refused:
        build(name="mine")
    assert "no se sobrescribe. Cámbiale el nombre" in translate(str(refused.value), "es")
    assert Path("mine.yaml").read_text() == "name: mine\n" and performed == []
    built = build(minutes=1)
    with built.file.open("a") as file:
        file.write("# mine now\n")
    with pytest.raises(EscaleraError, match="it is not overwritten"):
        build(minutes=5)
    built.file.unlink()
    with pytest.raises(EscaleraError, match=r"expected 'digits', on which .*, received 'mnist'. Give this one"):
        build("mnist", name="digits")
    assert build(minutes=1).file.exists()


def test_a_move_that_cannot_be_built_is_told_and_left(
    build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As is one whose training fails; the others are tried."""
    broken = {
        "deeper": lambda ground, config: {"model.denze": [8]},
        "faster": lambda ground, config: {"train.optimizer": {"name": "sgd", "lr": 1e30}},
        "wider": MOVES["wider"],
        "votes": lambda ground, config: None,
    }
    monkeypatch.setattr(ascent, "MOVES", broken)
    heard = Heard()
    built = build(minutes=9, events=heard)
    states = {one.move: one for one in built.diary.attempts}
    assert states["deeper"].state == states["faster"].state == "failed"
    assert "model.denze" in states["deeper"].error and "became nan" in states["faster"].error
    assert states["wider"].state in ("kept", "dropped")
    told = [line for state, line in heard.moves if state == "failed"]
    assert [line.split(":")[0] for line in told] == ["deeper", "three times the learning rate"]
    assert "# - deeper: could not be trained: " in built.file.read_text()
    assert load_ladder(built.file).ladder.rungs[-1].name == "final"


def test_nothing_is_tried_on_top_of_votes(build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch) -> None:
    """They read the network below, which no move reaches any more."""
    monkeypatch.setattr(Evidence, "kept", property(lambda found: found.accuracy > 0))
    monkeypatch.setattr(ascent, "MOVES", {name: MOVES[name] for name in ("smoothing", "votes")})
    built = build(minutes=9)
    assert [(one.move, one.parent, one.state) for one in built.diary.attempts] == [
        ("first", "", "kept"),
        ("smoothing", "baseline", "kept"),
        ("votes", "smoothing", "kept"),
    ]
    assert not built.results.failed and list(built.results) == ["smoothing", "votes"]


def test_from_python(build: Callable[..., Built]) -> None:
    """The file, the moves as a table, and the runs; and how it looks in a notebook."""
    import escalera as esc

    built = esc.auto("digits", minutes=3, name="mine", jobs=None, device="cpu", quiet=True)
    assert built.file == Path("mine.yaml") and list(built.results) in (["final"], ["baseline"])
    table = built.table()
    assert list(table["move"]) == ["first", *(one.move for one in built.diary.attempts[1:])] and len(table) == 4
    assert table["difference"].notna().tolist() == [False, True, True, True]
    assert table["reason"].str.contains("validation").all()
    page = built._repr_html_()
    assert "<td>baseline</td>" in page and "Ladder: mine.yaml" in page and "Report:" in page


def test_too_few_minutes_say_how_many_it_takes(build: Callable[..., Built], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is trained."""
    monkeypatch.setattr(Counted, "left", 149.0)
    monkeypatch.setattr(Counted, "elapsed", 20.0)
    monkeypatch.setattr(Counted, "seconds", lambda self, rung: 10.0 * rung.config.train.epochs)
    with pytest.raises(EscaleraError) as refused:
        build(minutes=2.5)
    assert str(refused.value) == (
        "--minutes 2.5: too few to build a ladder here: 20 s went by before the first trial, a trial takes about 50 "
        "s (5 epochs), and 3 have to fit. Give --minutes 3 or more; with 17 there is time for more moves."
    )
    assert translate(str(refused.value), "es").endswith(
        "cada ensayo tarda unos 50 s (5 épocas), y tienen que caber 3. Da --minutes 3 o más; con 17 da tiempo a "
        "probar más cambios."
    )
    assert performed == [] and not Path("digits.yaml").exists()
    monkeypatch.setattr(Counted, "left", 160.0)  # of the three minutes
    assert build(minutes=3).file.exists()


def test_of_turns_each_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network's trial takes less than a second a turn, and the turns are named."""
    monkeypatch.setattr(Timing, "elapsed", 8.0)
    with pytest.raises(EscaleraError) as refused:
        building._check_minutes(Timing(0.2, 0.0, 0, None, "cpu"), 0.6, 4)
    assert "8 s went by before the first trial, a trial takes about 3 s (4 times 5 epochs, in" in str(refused.value)
    assert str(refused.value).endswith("Give --minutes 1 or more.")
    assert "unos 3 s (4 veces 5 épocas, por turnos con la validación)" in translate(str(refused.value), "es")


def test_folds_are_refused_before_anything_is_written(build: Callable[..., Built]) -> None:
    """Its choices would be judged by rows that made them, and the minutes would end within a fold."""
    with pytest.raises(EscaleraError) as refused:
        build(sets=["data.folds=3"])
    assert str(refused.value).startswith("--set data.folds=3: auto chooses on validation and asks the test rows once")
    assert "ya se turna él mismo con la validación" in translate(str(refused.value), "es")
    assert performed == [] and not Path("digits.yaml").exists()


def test_a_source_that_explore_refuses(build: Callable[..., Built], tmp_path: Path) -> None:
    """One class alone is nothing to learn from; what is not there is told as everywhere."""
    from PIL import Image

    folder = tmp_path / "pictures" / "cat"
    folder.mkdir(parents=True)
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 255, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    with pytest.raises(DataError):
        build("pictures")
    with pytest.raises(EscaleraError, match="digitz"):
        build("digitz")
    assert performed == []


def test_a_damaged_diary_is_told(build: Callable[..., Built], tmp_path: Path) -> None:
    """It is no ladder to go on with."""
    build(minutes=1)
    path = tmp_path / "runs/digits/auto/auto.json"
    path.write_text(path.read_text().replace('"kept"', '"gone"', 1))
    with pytest.raises(RunError, match=r"auto\.json"):
        build(minutes=3)


def test_it_speaks_spanish(build: Callable[..., Built]) -> None:
    """The file and what is told; the reasons are in both languages whichever is spoken."""
    heard = Heard()
    built = build(minutes=4, language="es", events=heard)
    assert heard.found[0].startswith("1797 filas de 10 clases")
    assert heard.moves[0][1].startswith("punto de partida: ") and "la vara de medir" in heard.moves[0][1]
    text = built.file.read_text(encoding="utf-8")
    assert text.startswith("# Construida por `escalera auto digits` en ")
    assert "# Se probó con entrenamientos cortos y se descartó:" in text
    assert ladder_of(built.file)["rungs"][-1]["why"]["en"].startswith("Nothing new, but time: 3 epochs")


@pytest.mark.slow
def test_killed_it_goes_on(tmp_path: Path) -> None:
    """Kill -9 in the middle; the same command ends it, and no move is tried twice."""
    line = [sys.executable, "-m", "escalera", "auto", "digits", "--minutes", "1", "--jobs", "1", "--device", "cpu"]
    diary = tmp_path / "runs/digits/auto/auto.json"
    process = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not (diary.exists() and len(json.loads(diary.read_text())["attempts"]) > 1):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    subprocess.run([*line[:6], "1.1", *line[7:]], cwd=tmp_path, check=True, capture_output=True)
    found = read_diary(diary.parent)
    assert found is not None and all(one.state != "running" for one in found.attempts)
    tried = [(one.move, one.parent) for one in found.attempts]
    assert len(set(tried)) == len(tried) and (tmp_path / "runs/digits/report.html").exists()


def evidence(**values: float) -> Evidence:
    plain = {
        "accuracy": 0.9, "difference": 0.0, "low": -0.01, "high": 0.01, "loss": 0.0, "loss_low": -0.1, "loss_high": 0.1,
        "loss_before": 1.0, "ratio": 1.0,
    }  # fmt: skip
    return Evidence(**{**plain, **values}, rows=100)


def test_what_helps() -> None:
    """Right more often beyond doubt; or not less often, and surer beyond doubt."""
    assert not evidence().helps
    assert evidence(low=1e-6).helps and not evidence(low=0.0).helps
    assert evidence(loss_high=-1e-6).helps and not evidence(loss_high=0.0).helps
    assert not evidence(difference=-1e-6, loss_high=-0.1).helps


def test_what_pays() -> None:
    """What takes longer has to bring more: so many points, or so much of the loss, for each doubling of the time."""
    assert evidence(ratio=DEARER).pays and not evidence(ratio=DEARER + 1e-6).pays
    assert evidence(ratio=4.0, difference=2 * POINTS).pays and not evidence(ratio=4.0, difference=1.9 * POINTS).pays
    assert evidence(ratio=4.0, loss=-2 * SURER).pays and not evidence(ratio=4.0, loss=-1.9 * SURER).pays
    assert evidence(ratio=4.0, loss=-1.9 * SURER, loss_before=0.9).pays
    helping = evidence(ratio=2.0, difference=POINTS, low=0.001)
    assert helping.kept and not replace(helping, ratio=4.0).kept and not replace(helping, low=0.0).kept


GROUND = Ground(1000, 250, 10, (1, 8, 8), 8)
PHOTOS = Ground(1000, 250, 10, (3, 64, 64), 200, mirror=True, bodies=["resnet18"])
TABLE = Ground(1000, 250, 10, (3, 64, 64), 64, attributes=4)
CNN = {"kind": "cnn", "blocks": [[32], [64]], "head": {"pool": "flatten"}}
BACKBONE = {
    "kind": "backbone",
    "name": "resnet18",
    "weights": "imagenet",
    "trainable": "none",
    "head": {"pool": "average"},
}
ANY = {"schedule", "faster", "slower", "weight-decay", "smoothing"}
DENSE = {*ANY, "batch-norm", "deeper", "wider", "dropout", "average"}
BASES: list[tuple[str, Ground, dict[str, Any], set[str]]] = [
    ("mlp", GROUND, {}, {*DENSE, "convolutions", "augmentation", "mixup", "votes"}),
    ("cnn", GROUND, {"model": CNN}, {*DENSE, "augmentation", "mixup", "votes"}),
    (
        "photos", PHOTOS, {"model": CNN},
        {*DENSE, "augmentation", "mixup", "votes", "pretrained", "erasing", "views"},
    ),
    ("table", TABLE, {}, {*DENSE, "photos", "votes"}),
    ("uneven", replace(TABLE, uneven=True), {}, {*DENSE, "photos", "votes", "class-weights", "sampler"}),
    ("frozen", PHOTOS, {"model": BACKBONE}, {*ANY, "tuned", "votes"}),
    (
        "tuned", PHOTOS, {"model": {**BACKBONE, "trainable": "all"}},
        {*ANY, "average", "augmentation", "erasing", "mixup",
         "views", "votes"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("base", "ground", "start", "moves"), BASES, ids=[base[0] for base in BASES])
def test_each_move_applies_to_what_it_should(
    base: str, ground: Ground, start: Mapping[str, Any], moves: set[str]
) -> None:
    """And gives a change that a ladder takes."""
    side = ground.shape[1]
    data = {"source": "digits", "validation": 0.2, "test": 0.2}
    data |= {"image_size": side, "channels": ground.shape[0]} if base != "mlp" else {}
    known = {**first(ground, 5), **start}
    known["train"] = {"epochs": 4, **known["train"]}
    diary = Diary("digits", data, {}, [])
    begun = Attempt("first", "baseline", "", known, 1, "kept", 0.5)
    diary.put(begun)
    config = dump_config(load_ladder(as_ladder("digits", diary)).ladder.rungs[0].config)
    changes = {name: change for name, move in MOVES.items() if (change := move(ground, config)) is not None}
    assert set(changes) == moves
    for number, (name, change) in enumerate(changes.items(), 2):
        ladder = as_ladder("digits", diary, Attempt(name, name, "baseline", change, number))
        rung = load_ladder(ladder).ladder[name]
        assert dump_config(rung.config) != config
        # It is not tried again on top of itself, but where it may be.
        again = MOVES[name](ground, dump_config(rung.config))
        assert again is None or name in AGAIN or name == "dropout"


@pytest.mark.slow
def test_too_few_rows_of_validation_answer_in_turn(
    build: Callable[..., Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each move is trained once for each part, and votes read the network of their turn; test is read once."""
    monkeypatch.setattr(building, "DETECTABLE", 0.03)
    monkeypatch.setattr(Evidence, "kept", property(lambda found: found.accuracy > 0))
    monkeypatch.setattr(ascent, "MOVES", {name: MOVES[name] for name in ("smoothing", "votes")})
    built = build(minutes=9)
    assert [(one.name, one.state, one.turns) for one in built.diary.attempts] == [
        ("baseline", "kept", TURNS), ("smoothing", "kept", TURNS), ("votes", "kept", TURNS),
    ]  # fmt: skip
    for attempt in built.diary.attempts:
        runs = [
            RunDir(tmp_path / f"runs/digits/auto/search/trial-000{attempt.number}/seed-{1000 + n}") for n in range(4)
        ]
        rows = np.concatenate([read_answers(run.validation).rows for run in runs])
        ground = built.diary.ground
        assert len(np.unique(rows)) == len(rows) == ground["train"] + ground["validation"]
        assert all(run.read_record()["test_looks"] == 0 for run in runs)
        if attempt.name == "votes":
            origins = [run.read_record()["weights"]["features"]["file"] for run in runs]
            assert [Path(one).parent.name for one in origins] == [run.path.name for run in runs]
    [_, smoothing, _] = ladder_of(built.file)["rungs"]
    assert f"{len(rows):,} rows in 4 folds, each answered by a network that had not seen it" in smoothing["why"]["en"]
    assert "filas repartidas en 4 pliegues, cada una respondida por una red que" in smoothing["why"]["es"]
    assert built.results["votes"].dir.read_record()["test_looks"] == 1


def test_a_split_is_too_small_where_it_shows_only_large_differences() -> None:
    assert detectable(100) > DETECTABLE > detectable(226)


def test_a_ladder_on_uneven_classes_is_judged_by_balanced_accuracy() -> None:
    assert first(replace(GROUND, uneven=True), 5)["evaluate"] == {"metric": "balanced_accuracy"}
    assert "evaluate" not in first(GROUND, 5)


def test_no_mirror_for_digits() -> None:
    """A 2 in the mirror is none; a cat is one."""
    config = {
        "model": {"kind": "cnn"}, "augment": {"shift": 0, "zoom": 0, "rotation": 0}, "evaluate": {"tta": "none"},
    }  # fmt: skip
    plain, photos = (MOVES["augmentation"](ground, config) for ground in (GROUND, PHOTOS))
    assert plain is not None and "horizontal_flip" not in plain["augment"] and plain["augment"]["rotation"]
    assert photos is not None and photos["augment"]["horizontal_flip"]
    assert MOVES["views"](GROUND, config) is None and MOVES["views"](PHOTOS, config) == {"evaluate.tta": "flip"}


def test_a_training_ends_at_its_deadline_with_its_best_weights(tmp_path: Path) -> None:
    """No epoch begins that would end after it; the run is done, and says why it stopped."""
    train = {"epochs": 50, "batch_size": 128}
    rungs = [{"name": "mlp", "model": {"kind": "mlp", "dense": [8]}, "train": train}]
    written = {"name": "s", "data": {"source": "digits", "validation": 0.2, "test": 0.4}, "rungs": rungs}
    runs = climbing.climb(load_ladder(written), out=tmp_path, device="cpu", deadline=time.time())
    record, run = runs["mlp"].dir.read_record(), runs["mlp"].dir
    assert record["stopped"] == ascent.OUT_OF_TIME and record["state"] == "done" and record["epochs"] == 1
    losses = [line["val_loss"] for line in run.read_history()]
    assert len(losses) == 1 and read_json(run.metrics)["validation"]["loss"] == pytest.approx(min(losses), abs=1e-4)


@pytest.mark.parametrize(("trainable", "threads"), [("none", 7), ("all", None)])
def test_the_last_rung_finds_what_a_frozen_body_left(tmp_path: Path, trainable: str, threads: int | None) -> None:
    """The features of another number of threads are others: they would all be computed anew, and the time be over."""
    body = {"kind": "backbone", "name": "resnet18", "weights": "none", "trainable": trainable}
    rungs = [{"name": "base", "model": body}]
    rung = load_ladder({"name": "kept", "data": {"source": "digits"}, "rungs": rungs}).ladder.rungs[0]
    place = find_place(tmp_path, "kept")
    way = Way(place, serial.Pool, 1, 1, "cpu", None, fresh=False, skip_bad=False, events=Events())
    last = Attempt("pretrained", "pretrained", "baseline", {}, 3)
    assert building._threads(way, last, rung) is None
    RunDir(place.folder / "auto" / "search" / "trial-0003" / "seed-1000").write_record({"threads": 7})
    assert building._threads(way, last, rung) == threads


@pytest.mark.parametrize("name", ["../up", "a/b", "a\\b", ".hidden", "..", "con", "seed-1", "comparison", "x" * 81])
def test_a_name_that_is_no_folder_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(EscaleraError, match=r"^--name .*: expected a name of at most 80 letters") as caught:
        auto("digits", name=name, out=tmp_path / "runs", file=tmp_path / "a.yaml")
    assert list(tmp_path.iterdir()) == []
    assert "se esperaba un nombre" in translate(str(caught.value), "es")


def test_beside_a_ladder_of_a_persons_it_takes_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert free_name("photos/", "runs", None) == "photos"
    Path("photos.yaml").write_text("name: photos\n")
    assert free_name("photos/", "runs", None) == "photos-auto"
    assert free_name("photos/", "s3://bucket/runs", None) == "photos"  # what lies there may be ours
    assert free_name("photos/", "runs", Path("a.yaml")) == "photos"
    Path("dots.csv").touch()
    assert free_name("./dots.csv", "runs", None) == free_name("owner/dots", "runs", None) == "dots"  # as `new` has it
    for begun in ("dots.csv", "owner-dots"):  # before it did
        Path("runs", begun, "auto").mkdir(parents=True)
    assert free_name("dots.csv", "runs", None) == "dots.csv"
    assert free_name("owner/dots", "runs", None) == "owner-dots"
    Path("runs/digits").mkdir(parents=True)
    Path("runs/digits/ladder.json").write_text("{}")
    assert free_name("digits", "runs", Path("a.yaml")) == "digits-auto"
    Path("runs/digits/auto").mkdir()  # begun by an earlier call, which this one goes on with
    assert free_name("digits", "runs", None) == "digits"


def test_it_takes_no_processes_of_torchrun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They would have to agree on the last epoch in time."""
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EscaleraError, match=r"received 2 processes of torchrun\. Leave out torchrun: moves") as caught:
        auto("digits", out=tmp_path / "runs", file=tmp_path / "a.yaml", jobs=1)
    assert "se recibieron 2 procesos de torchrun. Quita torchrun" in translate(str(caught.value), "es")
    assert list(tmp_path.iterdir()) == []


def test_runs_of_another_ladder_are_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "runs" / "digits"
    place.mkdir(parents=True)
    (place / "ladder.json").write_text("{}")
    with pytest.raises(EscaleraError, match="has the runs of another ladder, whose report would be replaced") as caught:
        auto("digits", name="digits", out=tmp_path / "runs", file=tmp_path / "a.yaml")
    assert (place / "ladder.json").read_text() == "{}" and not (tmp_path / "a.yaml").exists()
    assert "tiene las ejecuciones de otra escalera" in translate(str(caught.value), "es")
