"""What becomes of damaged files: each file of a run directory is cut, flipped, emptied, replaced; then every command is
typed that reads it. Counts the cases that were told by the file's name, those that somebody answered from all the same,
and tracebacks; and whether a climb makes whole again what it can.

    python benchmarks/damage.py [--out /tmp/damage] [--only NAME]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

LADDER = """
name: flats
data: {source: SOURCE, label_column: kind, image_column: picture, validation: 0.2, test: 0.3}
train: {epochs: 3, batch_size: 16, optimizer: {name: adam, lr: 0.01}, early_stopping: {monitor: val_loss}}
rungs:
  - name: base
    model: {kind: table, dense: [4]}
  - name: other
    change: {model.dense: [6], train.epochs: 2}
  - name: votes
    from: base
    change:
      model: {kind: votes, features: {from: base}, classifiers: [{name: nearest_neighbours, k: 3}, {name: linear_svm}]}
  - name: begun
    from: base
    change: {model.dense: [5], train.epochs: 4}
"""
JSON = ("run.json", "environment.json", "metrics.json", "table.json")
FILES = (
    "run.json", "config.yaml", "environment.json", "history.jsonl", "best.safetensors", "predictions.parquet",
    "metrics.json", "splits.parquet", "table.json",
)  # fmt: skip
MODEL = ("run.json", "config.yaml", "best.safetensors", "table.json")


def cut(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def anothers(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def gone(path: Path, other: Path) -> None:
    path.unlink()


def folder(path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()


def unreadable(path: Path, other: Path) -> None:
    """A link to itself: for root every mode is readable."""
    path.unlink()
    path.symlink_to(path.name)


def a_list(path: Path, other: Path) -> None:
    path.write_text("[]")


def without_a_key(path: Path, other: Path) -> None:
    value = json.loads(path.read_text())
    for key in ("data", "rungs", "test", "attributes", "epoch", "python"):
        if value.pop(key, None) is not None:
            break
    path.write_text(json.dumps(value))


def no_text(path: Path, other: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"\xff\xfe" + content[len(content) // 2 :])


Damage = Callable[[Path, Path], None]
ANY: tuple[Damage, ...] = (cut, flip, empty, anothers, gone, folder, unreadable)


@dataclass(frozen=True)
class Case:
    """A file of a run of the ladder, and what is done to it; `tells` are the commands that have to name it."""

    run: str
    file: str
    damage: Damage
    tells: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.run}/{self.file} {self.damage.__name__}".strip("/")


def cases() -> Iterator[Case]:
    """All of them."""
    for file in FILES:
        tells = ("report", "compare", "climb", *(("predict", "export") if file in MODEL else ()))
        tells += ("studio",) if file in ("run.json", "metrics.json") else ()
        same = file in ("splits.parquet", "table.json")  # in every run of the ladder
        kinds = [kind for kind in ANY if not (same and kind is anothers)]
        kinds += [a_list, without_a_key, no_text] if file in JSON else []
        kinds += [a_list, no_text] if file in ("config.yaml", "history.jsonl") else []
        for kind in kinds:
            # A run without its run.json is none, and predict says so.
            lost = (file, kind) == ("run.json", gone)
            own = ("climb",) if lost else tells
            yield Case("base/seed-0", file, kind, own)
    for file in ("last/state.json", "last/epoch-3.safetensors"):
        for kind in (cut, flip, empty, gone, folder):
            yield Case("base/seed-0", file, kind, ("report", "compare", "climb"))
    for file in ("classifiers/linear_svm.skops", "preparation.safetensors"):
        for kind in (cut, flip, empty, gone, folder, unreadable):
            yield Case("votes/seed-0", file, kind, ("predict", "report", "compare", "climb"))
    for kind in (cut, flip, empty, anothers, a_list, without_a_key, no_text, folder, unreadable):
        yield Case("", "ladder.json", kind, ("report", "climb"))
    for file in ("last/state.json", "last/epoch-3.safetensors", "last/best-3.safetensors"):
        for kind in (cut, flip, empty, folder, *((gone,) if file.endswith("safetensors") else ())):
            yield Case("begun/seed-0", file, kind, ("climb",))
    begun: dict[str, tuple[Damage, ...]] = {
        "history.jsonl": (cut, empty, a_list, no_text, folder),
        "config.yaml": (cut, flip, anothers, no_text),
        "run.json": (cut, flip, a_list, no_text),
    }
    for file, damages in begun.items():
        for kind in damages:
            yield Case("begun/seed-0", file, kind, ("climb",))


@dataclass
class Outcome:
    """What the commands said after a case; `silent` are those that had to name the file and did not."""

    case: Case
    silent: list[str] = field(default_factory=list)
    tracebacks: dict[str, str] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    healed: bool = False


def climbed(place: Path) -> None:
    """A folder with the ladder, its finished runs, and one that was interrupted in its last epoch."""
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    lines = ["picture,area,street,kind"]
    for number in range(120):
        Image.fromarray(draw.integers(0, 256, (4, 4, 3), dtype=np.uint8)).save(place / f"{number}.png")
        area, street = int(draw.integers(30, 120)), draw.choice(["north", "south"])
        kind = "large" if area + (9 if street == "north" else 0) > 75 else "small"
        lines.append(f"{number}.png,{area}.5,{street},{kind}")
    (place / "flats.csv").write_text("\n".join(lines) + "\n")
    (place / "flats.yaml").write_text(LADDER.replace("SOURCE", str(place / "flats.csv")))
    with _in(place):
        for rung in ("base", "other", "votes"):
            assert _typed("climb", "flats.yaml", "--rung", rung)[0] == 0
        from escalera.run import fit
        from escalera.train import checkpoint
        from escalera.train.callbacks import History

        class Stopped(History):
            def on_step_end(self, training: Any) -> None:
                training.interrupted = training.interrupted or training.epoch == 4

        # Every epoch is kept, as where they take longer than a second.
        with mock.patch.object(fit, "History", Stopped), mock.patch.object(checkpoint, "WRITE_EVERY", 0.0):
            assert _typed("climb", "flats.yaml", "--rung", "begun")[0] == 130
        assert _typed("climb", "flats.yaml", "--rung", "base")[0] == 0


def examine(case: Case, before: Path, place: Path) -> Outcome:
    """Damage a copy of the climbed folder, and type every command that may read the file."""
    shutil.copytree(before, place)
    text = (place / "flats.yaml").read_text().replace(str(before), str(before))
    (place / "flats.yaml").write_text(text)
    runs = place / "runs" / "flats"
    rung = case.run.partition("/")[0]
    other = runs / "other/seed-0" / case.file if case.run else before / "flats.csv"
    case.damage(runs / case.run / case.file, other)
    outcome = Outcome(case)
    commands: dict[str, Callable[[], tuple[int, str]]] = {
        "predict": lambda: _typed("predict", f"runs/flats/{rung}", "--attributes", "area=50, street=north"),
        "export": lambda: _typed("export", f"runs/flats/{rung}", "model.safetensors"),
        "compare": lambda: _typed("compare", f"runs/flats/{rung}", "runs/flats/other"),
        "report": lambda: _report(place),
        "studio": lambda: _studio(place),
        "climb": lambda: _typed("climb", "flats.yaml", *(["--rung", rung] if rung else [])),
    }
    if rung == "begun":
        commands = {name: command for name, command in commands.items() if name in ("report", "studio", "climb")}
    with _in(place):
        for name, command in commands.items():
            try:
                code, said = command()
            except BaseException:
                outcome.tracebacks[name] = traceback.format_exc()
                continue
            outcome.said[name] = said
            if "Traceback" in said:
                outcome.tracebacks[name] = said
            if name in case.tells and Path(case.file).name not in said:
                outcome.silent.append(name)
            del code
    outcome.healed = _whole(before, place, case)
    return outcome


def _whole(before: Path, place: Path, case: Case) -> bool:
    """Whether the run that stands now has the weights and the answers of the one that stood before the damage."""
    if not case.run or case.run.startswith("begun"):
        run = place / "runs/flats" / (case.run or "base/seed-0")
        return bool(json.loads((run / "run.json").read_text()).get("state") == "done")
    return all(
        (place / "runs/flats" / case.run / name).read_bytes() == (before / "runs/flats" / case.run / name).read_bytes()
        for name in ("best.safetensors", "predictions.parquet")
    )


def _typed(*arguments: str) -> tuple[int, str]:
    """A command as it is typed: its exit code, and what it printed."""
    from escalera import cli

    said = io.StringIO()
    before, sys.argv = sys.argv, ["escalera", *arguments]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            cli.main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.argv = before
    return code, said.getvalue()


def _report(place: Path) -> tuple[int, str]:
    code, said = _typed("report", "runs/flats")
    page = place / "runs/flats/report.html"
    return code, said + (page.read_text() if code == 0 and page.is_file() else "")


def _studio(place: Path) -> tuple[int, str]:
    from escalera.studio.service import Studio

    studio = Studio(place / "runs")
    try:
        return 0, "\n".join(entry.label for entry in studio.models())
    finally:
        studio.close()


@contextlib.contextmanager
def _in(place: Path) -> Iterator[None]:
    here = Path.cwd()
    os.chdir(place)
    try:
        yield
    finally:
        os.chdir(here)


def main() -> None:
    """Print the counts, and the cases that went wrong."""
    from machine import machine

    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    out = given.out or Path(tempfile.mkdtemp(prefix="damage-"))
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("ESCALERA_CACHE", str(out / "cache"))
    os.environ["COLUMNS"] = "400"
    before = out / "before"
    shutil.rmtree(before, ignore_errors=True)
    before.mkdir()
    climbed(before)
    found = []
    for number, case in enumerate(case for case in cases() if given.only in case.name):
        place = out / f"case-{number}"
        shutil.rmtree(place, ignore_errors=True)
        outcome = examine(case, before, place)
        found.append(outcome)
        shutil.rmtree(place)
        if outcome.silent or outcome.tracebacks or not outcome.healed:
            print(
                f"{case.name}: silent {outcome.silent}, tracebacks {list(outcome.tracebacks)}, healed {outcome.healed}"
            )
            for name, text in outcome.tracebacks.items():
                print("   ", name, text.strip().splitlines()[-1])
            if given.only:
                for name, text in outcome.said.items():
                    print(f"    {name}: {text[:400]}")
    wrong = {
        "told by name by every command that reads it": sum(not one.silent for one in found),
        "answered from": sum(bool(one.silent) for one in found),
        "with a traceback": sum(bool(one.tracebacks) for one in found),
        "whole again after a climb": sum(one.healed for one in found),
    }
    print(machine())
    print(f"{len(found)} cases")
    for what, count in wrong.items():
        print(f"{what}: {count}")


if __name__ == "__main__":
    main()
