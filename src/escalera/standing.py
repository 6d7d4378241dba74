"""Where a run stands: finished, trained but judged otherwise, or to be trained; and what it may take over."""

from __future__ import annotations

import shutil

from escalera.errors import EscaleraError
from escalera.evaluate.price import price
from escalera.ladder.saved import read_config
from escalera.ladder.schema import Rung
from escalera.lineage import has_changed
from escalera.rundir import RunDir
from escalera.runtime import now

KEPT = {"config.yaml", "history.jsonl", "best.safetensors"}
"""What a run takes over from another, besides the folder of what a resume needs."""


def finished(run: RunDir, rung: Rung) -> bool:
    """Whether nothing is left to do for a rung: trained, and judged, as it says now."""
    # Judged otherwise, a run is not finished; but it is trained, so that only its evaluation is done again.
    return (
        run.state() == "done"
        and not run.faults()
        and same_training(run, rung)
        and read_config(run.config).evaluate.tta == rung.config.evaluate.tta
    )


def same_training(run: RunDir, rung: Rung) -> bool:
    """Whether a run was trained as the rung says now, from the same weights; how it is evaluated does not matter."""
    try:
        before = read_config(run.config)
    except EscaleraError:
        return False
    same = before.model_copy(update={"evaluate": rung.config.evaluate}) == rung.config
    return same and not has_changed(rung.config, run)


def take_over(rung: Rung, run: RunDir) -> None:
    """Begin with the training of the parent where only the evaluation changes: it would be the same bit for bit."""
    parent = RunDir(run.path.parents[1] / (rung.parent or "") / run.path.name)
    if run.path.exists() or rung.parent is None or parent.state() != "done" or not parent.last.exists():
        return
    if not same_training(parent, rung):
        return
    shutil.copytree(parent.path, run.path, ignore=lambda _, names: {*names} - KEPT)
    shutil.copytree(parent.last, run.last)
    weights = {key: value for key, value in parent.read_record().items() if key == "weights"}
    run.write_record({"started": now(), "test_looks": 0, "trained_as": rung.parent, **weights})


def reprice(run: RunDir, rung: Rung) -> bool:
    """Count a finished run anew when the price of the machine has changed; whether it had."""
    evaluate = rung.config.evaluate
    record = run.read_record()
    money = price(record["seconds"], evaluate.price_per_hour, evaluate.currency)
    if money == record.get("price"):
        return False
    run.write_record({**record, "price": money})
    return True


def set_aside(run: RunDir) -> None:
    """Keep the run that is about to be replaced as `seed-<n>.previous`, in the place of an older one."""
    if run.path.exists():
        previous = run.path.with_name(run.path.name + ".previous")
        shutil.rmtree(previous, ignore_errors=True)
        run.path.rename(previous)
