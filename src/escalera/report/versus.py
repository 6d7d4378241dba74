"""Any runs, of one ladder or of several, as a ladder whose rungs all stand beside the first: for `escalera compare`.

They have to have answered the same test rows; runs that have not are refused, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from escalera.core.errors import RunError
from escalera.core.files import CURE, plain_yaml
from escalera.core.names import there
from escalera.core.neighbours import near_run
from escalera.core.predictions import Answers
from escalera.core.record import Change, Text
from escalera.core.rundir import RunDir, rungs, standing
from escalera.core.search_record import NAME
from escalera.evaluate.metrics import SHARES
from escalera.report.rung import Rung
from escalera.report.runs import Run, read_run
from escalera.report.story import Story, with_steps

_TITLE = Text(en="Runs side by side", es="Ejecuciones lado a lado")


def read_versus(paths: Sequence[Path], folder: Path, command: str = "") -> Story:
    """The story of runs compared with the first of them; `folder` is where its page will be.

    A path is a run (`runs/digits/cnn/seed-1`) or a rung (`runs/digits/cnn`: all its finished seeds). Raises RunError,
    with every reason, where there are fewer than two, one is not finished, or they answered different rows.
    """
    if len(paths) < 2:
        raise RunError("expected at least two runs to compare, as runs/digits/mlp runs/digits/cnn.")
    found = [_runs(path) for path in paths]
    answers = [_answers(path, runs) for path, runs in zip(paths, found, strict=True)]
    reasons = [
        f"{path}: {reason}"
        for path, runs, theirs in zip(paths, found, answers, strict=True)
        if (reason := _refusal(found[0], answers[0], runs, theirs))
    ]
    if reasons:
        listed = "".join(f"\n  {reason}" for reason in reasons)
        raise RunError(f"these runs cannot be compared row by row with {paths[0]}:{listed}")
    names = _names([runs[0].path for runs in found])
    first, metric = found[0][0].settings, _metric([run for runs in found for run in runs])
    rungs = [
        Rung(
            name=name,
            why=None,
            parent=names[0] if place else None,
            change=list(_differences(first, runs[0].settings)) if place else [],
            runs=runs,
            metric=metric,
        )
        for place, (name, runs) in enumerate(zip(names, found, strict=True))
    ]
    return Story.of(folder, "comparison", _TITLE, command, with_steps(rungs))


def _metric(runs: Sequence[Run]) -> str:
    """What all of them are judged by; accuracy where they differ."""
    named = {dict(_flat(_loaded(run.settings))).get("evaluate.metric", "accuracy") for run in runs}
    return str(named.pop()) if len(named) == 1 and named <= SHARES.keys() else "accuracy"


def _runs(path: Path) -> list[Run]:
    """The finished run in a folder, or those of a rung's seeds."""
    path = there(path)
    searched = next((folder.parent for folder in (path, *path.parents[:2]) if (folder / NAME).is_file()), None)
    if searched is not None:
        raise RunError(
            f"{path} belongs to a search, which never reads a test row. Compare the rung itself: {searched}."
        )
    found = [RunDir(path)] if RunDir(path).exists() else standing(path)
    runs = [read_run(run.path.resolve(), run.seed) for run in found]
    if not runs:
        below = rungs(path)
        hint = f" It holds the rungs {', '.join(below)}: name them, as {path / below[0]}." if below else ""
        if not below and (guess := near_run(path)):
            hint = f" Did you mean {guess}?"
        raise RunError(f"expected the folder of a run or a rung, as runs/digits/cnn, received {path}.{hint}")
    done = [run for run in runs if run.state == "done"]
    if not done:
        if runs[0].state == "damaged":
            raise RunError(f"{runs[0].path}: {runs[0].faults[0]}. {CURE}")
        raise RunError(f"{path} is {runs[0].state}, not done. Climb its ladder again to finish it.")
    return done


def _answers(path: Path, runs: Sequence[Run]) -> list[Answers]:
    known = [run.answers for run in runs if run.answers]
    if len(known) < len(runs):
        faults = "; ".join(dict.fromkeys(str(fault) for run in runs for fault in run.faults))
        raise RunError(f"{path}: its predictions cannot be read ({faults}). {CURE}")
    return known


def _refusal(first: Sequence[Run], rows: Sequence[Answers], runs: Sequence[Run], theirs: Sequence[Answers]) -> str:
    """Why runs cannot be compared with the first; "" where they can."""
    before, after = first[0].record.data, runs[0].record.data
    if before.source != after.source:
        return f"it was tested on '{after.source}', the first on '{before.source}'"
    if first[0].classes != runs[0].classes:
        return f"it has {len(runs[0].classes)} classes, the first {len(first[0].classes)}, or they are called otherwise"
    for other in (*rows[1:], *theirs):
        if not rows[0].same_rows(other):
            common = len(set(rows[0].rows.tolist()) & set(other.rows.tolist()))
            return (
                f"it was tested on {len(other.rows):,} rows and the first on {len(rows[0].rows):,}, {common:,} of them "
                "common; only the same rows, with the same labels, can be compared. Splits made with the same seed and "
                "shares give them"
            )
    return ""


def _names(folders: Sequence[Path]) -> list[str]:
    """The shortest names that tell all runs apart: rung, ladder/rung, ladder/rung/seed-n, and else numbers."""
    for depth in (slice(-2, -1), slice(-3, -1), slice(-3, None)):
        names = ["/".join(folder.parts[depth]) for folder in folders]
        if len(set(names)) == len(names):
            return names
    seen = Counter[str]()
    numbered = []
    for name in names:
        seen[name] += 1
        numbered.append(f"{name} ({seen[name]})" if names.count(name) > 1 else name)
    return numbered


def _differences(before: str, after: str) -> Iterator[Change]:
    """The settings in which two config.yaml differ; none where one of them is damaged."""
    if not (before and after):
        return
    old, new = (dict(_flat(_loaded(text))) for text in (before, after))
    for path in dict.fromkeys([*old, *new]):
        if old.get(path) != new.get(path):
            yield Change(path=path, before=old.get(path), after=new.get(path))


def _loaded(text: str) -> Any:
    try:
        return plain_yaml(text)
    except ValueError:
        return None


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, value
