"""Where a run stands: finished, trained but judged otherwise, or to be trained; and what it may take over."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from escalera.core.errors import EscaleraError, RunError
from escalera.core.files import CURE
from escalera.core.rundir import ASKED, LEARNED, OTHERWISE, RunDir
from escalera.evaluate.price import price
from escalera.ladder.read import dump_config
from escalera.ladder.saved import read_config
from escalera.ladder.schema import Rung, RungConfig
from escalera.run import keeping
from escalera.run.lineage import has_changed

if TYPE_CHECKING:
    from escalera.run.events import Events

WEIGHTS = ("best.safetensors", "preparation.safetensors", "classifiers/")
"""What was learned."""
ANSWERS = (*WEIGHTS, "config.yaml", "splits.parquet", "table.json", "predictions.parquet", "metrics.json", "doubt.json")
"""What a finished run answers from, and is made again where it is damaged. The rest tells how it came about."""
_TAKEN = ("history.jsonl", "best.safetensors", "preparation.safetensors", "classifiers")
_OWN = {"state", "error", "finished", "files", "settings", "tta", "agreement", "inference_images_per_second"}
"""What run.json says of one evaluation, and not of the training."""


def fingerprint(config: RungConfig) -> str:
    """The SHA-256 of all that a run is trained and judged by; a price is no part of it."""
    own = config.evaluate
    evaluation = {"tta": own.tta, **({} if own.coverage is None else {"coverage": own.coverage})}
    values = {**dump_config(_once(config)), "evaluate": evaluation}
    del values["data"]["repeats"]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _once(config: RungConfig) -> RungConfig:
    """The configuration of one run, however often there is to be another like it."""
    return config.model_copy(update={"data": config.data.model_copy(update={"repeats": 1})})


def finished(run: RunDir, rung: Rung) -> bool:
    """Whether nothing is left to do for a rung: trained, and judged, as it says now, and its files are whole."""
    return run.state() == "done" and not run.faults(*ANSWERS) and same_settings(run, rung)


def same_settings(run: RunDir, rung: Rung) -> bool:
    """Whether a run was made, or was begun, as the rung says now, from the same weights; a price does not matter."""
    record = _record(run)
    if record.get("settings") == fingerprint(rung.config):
        return not has_changed(rung.config, run)
    config = _config(run)
    if config is None:
        return False
    before, now = config.evaluate, rung.config.evaluate
    return (before.tta, before.coverage) == (now.tta, now.coverage) and same_training(run, rung)


def same_training(run: RunDir, rung: Rung) -> bool:
    """Whether a run was trained as the rung says now, from the same weights; how it is evaluated does not matter."""
    config = _config(run)
    settings = _record(run).get("settings")
    same = settings == fingerprint(rung.config) if config is None else trains_alike(config, rung.config)
    return same and not has_changed(rung.config, run)


def trains_alike(one: RungConfig, other: RungConfig) -> bool:
    """Whether two configurations train the same; how it is evaluated does not matter."""
    # Rows that calibrate sets are taken out of validation, and chose the epoch where none are.
    aside = (one.evaluate.coverage is None) == (other.evaluate.coverage is None)
    return aside and _once(one.model_copy(update={"evaluate": other.evaluate})) == _once(other)


def unfinished(run: RunDir, rung: Rung) -> RunDir | None:
    """The training with these settings that was begun and not finished: where the run stands, or beside it."""
    begun = (one for one in (run, *keeping.at_work(run)) if one.state() in ("running", "failed"))
    return next((one for one in begun if same_settings(one, rung)), None)


def has_begun(run: RunDir, rung: Rung) -> bool:
    """Whether something of the training is there already, so that it needs no weights to start from."""
    other = unfinished(run, rung)
    return source(run, rung) is not None or (other is not None and (other.last / "state.json").exists())


def settled(run: RunDir, rung: Rung) -> bool:
    """Whether the run that stands is finished as the rung says now, and no training of the same is half done."""
    return finished(run, rung) and unfinished(run, rung) is None


def put_back(run: RunDir, rung: Rung) -> RunDir | None:
    """Have a kept run that is finished as the rung says now stand again; where it was, None where there is none."""
    if finished(run, rung):
        return None
    kept = next((other for other in keeping.others(run) if finished(other, rung)), None)
    if kept is not None:
        keeping.replace(kept, fingerprint(rung.config))
    return kept


def prepare(run: RunDir, rung: Rung, *, fresh: bool, events: Events) -> RunDir:
    """The folder to train a rung in, where a training that was begun goes on, or what is trained already was put.

    It is the run's own as long as none has finished there, else one beside it. A `fresh` training takes nothing over.
    """
    settings = fingerprint(rung.config)
    home = run if _open(run) else keeping.workplace(run, settings)
    begun = None if fresh else unfinished(run, rung)
    faults = _dead(begun) if begun else []
    if begun and not faults:
        for name, fault in begun.faults(*ASKED).items():
            events.damaged(f"{begun.path / name} {fault}", "written_again")
        if begun.path != home.path:
            _vacate(home, settings)
            keeping.rename(begun, home)
        keeping.sweep(home)
        return home
    kept = _vacate(home, settings)
    if begun:
        events.begins_anew(faults, (kept or keeping.set_aside(begun)).path)
    if not fresh:
        _take_over(rung, home, source(run, rung))
    return home


def source(run: RunDir, rung: Rung) -> RunDir | None:
    """A run with the very training of the rung, so that only its evaluation is to be done: its own, or its parent's."""
    parent = [RunDir(run.path.parents[1] / rung.parent / f"seed-{run.seed}")] if rung.parent else []
    known = (one for one in (run, *keeping.others(run), *parent) if _trained(one))
    return next((one for one in known if same_training(one, rung)), None)


def other_classes(run: RunDir, rung: Rung, classes: list[str]) -> bool:
    """Whether what a training would go on with, or be evaluated from, learned other classes, or another order."""
    begun = (one for one in (unfinished(run, rung), source(run, rung)) if one is not None)
    learned = ((_record(one).get("data") or {}).get("classes") for one in begun)
    return any(known is not None and known != classes for known in learned)


@dataclass(frozen=True)
class Damage:
    """`what` is not as it was written; `then` is what becomes of it: no answer depends on what is not needed."""

    what: str
    then: Literal["made_again", "written_again", "not_needed"]


def damages(run: RunDir) -> list[Damage]:
    """What is damaged in a run that was finished, after its history was written again where that could be done."""
    state = run.state()
    if state == "damaged":
        try:
            run.read_record()
        except RunError as error:
            return [Damage(str(error).removesuffix(f". {CURE}"), "made_again")]
    if state != "done":
        return []
    if stranger := _not_understood(run):
        return [Damage(stranger, "made_again")]
    found, needed = run.faults(), run.faults(*ANSWERS)
    mended = []
    if run.history.name in found and mend(run):
        mended = [Damage(f"{run.history} {found.pop(run.history.name)}", "written_again")]
    others = ((f"{run.path / name} {fault}", name in needed) for name, fault in found.items())
    return mended + [Damage(what, "made_again" if need else "not_needed") for what, need in others]


def _not_understood(run: RunDir) -> str:
    """Why a whole configuration is none to this version, and which one wrote it; "" where it is, or is damaged."""
    if run.faults(run.config.name):
        return ""
    try:
        read_config(run.config)
    except RunError as error:
        return str(error).removesuffix(f". {CURE}").removesuffix(f". {OTHERWISE}")
    return ""


def mend(run: RunDir) -> bool:
    """Write a damaged history again, from the checkpoint of a finished run; whether it is whole again."""
    from escalera.train.checkpoint import find_checkpoint

    state = find_checkpoint(run.last).state
    if state is None:
        return False
    run.write_history(state["parts"]["history"]["epochs"])
    return not run.faults(run.history.name)


def reprice(run: RunDir, rung: Rung) -> bool:
    """Count a finished run anew when the price of the machine has changed; whether it had."""
    evaluate = rung.config.evaluate
    record = run.read_record()
    money = price(record["seconds"], evaluate.price_per_hour, evaluate.currency)
    if money == record.get("price"):
        return False
    run.write_record({**record, "price": money})
    return True


def _record(run: RunDir) -> dict[str, Any]:
    try:
        return run.read_record() if run.record.exists() else {}
    except RunError:
        return {}


def _config(run: RunDir) -> RungConfig | None:
    """What config.yaml says; None where it is absent or damaged."""
    try:
        run.check(run.config.name)
        return read_config(run.config)
    except EscaleraError:
        return None


def _trained(run: RunDir) -> bool:
    """Whether all that a run was to learn is there, whole."""
    record = _record(run)
    return (record.get("state") == "done" or "stopped" in record) and run.best.exists() and not run.faults(*WEIGHTS)


def _dead(run: RunDir) -> list[str]:
    """Why a training cannot go on, although it was begun."""
    from escalera.train.checkpoint import find_checkpoint

    if _trained(run):
        return []
    found = find_checkpoint(run.last)
    if found.state is None:
        return found.faults or _lost(run)
    record = _record(run)
    if "stopped" not in record or record.get("best_epoch") == found.state["epoch"]:
        return []
    # It was over, and what is left is its last epoch: another than the one that it had chosen.
    return [f"{run.path / name} {fault}" for name, fault in run.faults(run.best.name).items()]


def _lost(run: RunDir) -> list[str]:
    """That there was a checkpoint once: its epochs cost time, and are not dropped without a word.

    The first epoch alone may be there without any, where the process ended between writing the two.
    """
    try:
        epochs = len(run.read_history())
    except RunError:
        return []
    return [f"{run.history} has {epochs} epochs, and {run.last} no checkpoint"] if epochs > 1 else []


def _open(run: RunDir) -> bool:
    """Whether a training may go on, or begin, in the run's own folder; what is damaged may have been finished."""
    state = run.state()
    return state in ("running", "failed") or (state == "absent" and not _learned(run))


def _learned(run: RunDir) -> bool:
    return run.best.exists() or run.history.exists() or run.last.exists() or bool(run.folds())


def _vacate(home: RunDir, settings: str) -> RunDir | None:
    """Make room for a training.

    What was begun with other settings gets their name; anything else that learned something is kept, and given back.
    """
    if not home.path.exists():
        return None
    if not _learned(home):
        shutil.rmtree(home.path)
        return None
    theirs = str(_record(home).get("settings") or "")
    elsewhere = keeping.workplace(home, theirs)
    if theirs in ("", settings) or elsewhere.path.exists():
        return keeping.set_aside(home)
    keeping.rename(home, elsewhere)
    return None


def _take_over(rung: Rung, home: RunDir, source: RunDir | None) -> None:
    """Begin with what another run has learned: all of it, or nothing where a crash comes in between."""
    if source is None:
        return
    record = {key: value for key, value in source.read_record().items() if key not in _OWN}
    if source.path.parent != home.path.parent:
        record |= {"test_looks": 0, "trained_as": rung.parent}
    faults, copy = source.faults(), keeping.unnamed(home)
    for name in _TAKEN:
        path = source.path / name
        if path.is_dir():
            shutil.copytree(path, copy.path / name)
        elif path.exists() and name not in faults:
            shutil.copyfile(path, copy.path / name)
    copy.write_record({**record, "state": "running"}, LEARNED)
    keeping.rename(copy, home)
