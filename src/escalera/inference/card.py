"""The model card of a run, as the Hugging Face Hub reads it, from the run's own records.

Mitchell et al., Model Cards for Model Reporting, 2019. Nothing is trained or measured; only the 95 % intervals are
computed from the answers to the test rows, where the run kept them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from escalera.core.errors import RunError
from escalera.core.fault import Fault
from escalera.core.files import plain_yaml
from escalera.core.language import NOTHING, Language, load_words
from escalera.core.predictions import read_answers, read_logits
from escalera.core.record import FullScores, Metrics, RunRecord
from escalera.core.rundir import RunDir
from escalera.evaluate.confusion import Confusion
from escalera.evaluate.intervals import intervals
from escalera.evaluate.metrics import tally
from escalera.inference.unplaced import unplaced, unplaced_settings

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "top5", "loss", "brier", "calibration_error")
SHARES = frozenset(METRICS) - {"loss", "brier"}
CONFUSED = 10
"""Pairs of classes that are listed, the most frequent mistakes first."""
_MARKUP = re.compile(r"([\\`*_\[\]<>|#&])")


def card(run: RunDir, language: str) -> str:
    """The card in `en` or `es`: Markdown behind a header of metadata.

    Raises RunError where a record of the run is damaged or has no test accuracy.
    """
    faults: list[Fault] = []
    record = RunRecord.read(run.read_record(), run.record.name, faults)
    run.check("metrics.json", "config.yaml", "predictions.parquet")
    scores = Metrics.read_file(run.metrics, faults).test
    if faults or scores.accuracy is None:
        files = ", ".join(dict.fromkeys(fault.file for fault in faults)) or run.metrics.name
        raise RunError(f"{run.path}: expected the records of a finished run, but {files} cannot be used. {run.cure()}")
    config = _config(run)
    licences = licences_of(config)
    words = load_words(language, "core", "inference", plain=True)
    name = f"{run.ladder.name} / {record.rung}"
    parts = [
        f"# {_plain(name)}",
        words.say("card.intro", seed=record.seed),
        *_data(record, words),
        *_recipe(config, record, words),
        *_results(run, scores, record.data.classes, words),
        *_limits(record, words),
        *_cost(record, words),
        *_licence(record, licences, words),
    ]
    return f"---\n{_metadata(record, scores, name, language, licences)}\n---\n\n" + "\n\n".join(parts) + "\n"


def _metadata(record: RunRecord, scores: FullScores, name: str, language: str, licences: dict[str, str]) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    source = unplaced(record.data.source)
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=source,
            dataset_name=source,
            dataset_split="test",
            metric_type=metric,
            metric_value=value,
        )
        for metric in METRICS
        if (value := getattr(scores, metric)) is not None
    ]
    data = ModelCardData(
        language=language,
        # The hub's word where nobody has said: whose weights it began with is known, whose pictures it saw is not.
        license="unknown" if len(set(licences.values())) != 1 else next(iter(licences.values())),
        library_name="escalera",
        pipeline_tag="image-classification",
        tags=["image-classification", "escalera"],
        model_name=name,
        eval_results=results,
    )
    return data.to_yaml().strip()


def _data(record: RunRecord, words: Language) -> list[str]:
    data = record.data
    rows = [
        [words.say(f"card.split.{split}"), words.number(count)]
        for split, count in (("train", data.rows.train), ("validation", data.rows.validation), ("test", data.rows.test))
    ]
    found = [
        words.say("card.data"),
        words.say("card.source", source=_plain(unplaced(data.source)), classes=words.number(len(data.classes))),
        _table([words.say("card.split"), words.say("card.rows")], rows),
        words.say("card.input", shape=" × ".join(map(str, data.shape)) or NOTHING),
    ]
    return [*found, words.say("card.caveats"), "\n".join(f"- {line}" for line in _caveats(record, words))]


def _caveats(record: RunRecord, words: Language) -> list[str]:
    """What of the data a reader of the results should know."""
    data, copies = record.data, record.data.duplicates
    if copies is None or copies.test is None:
        lines = [words.say("card.no_duplicates")]
    else:
        lines = [words.say("card.duplicates", test=words.number(copies.test), val=words.number(copies.validation))]
        lines += [] if copies.near_searched else [words.say("card.only_exact")]
        lines += [words.count(copies.dropped, "dropped")] if copies.dropped else []
    if data.skipped:
        lines.append(words.count(data.skipped, "skipped"))
    if data.labels is not None:
        key = "card.labels_test" if data.labels.test_changed else "card.labels"
        lines.append(words.say(key, file=_plain(data.labels.name), rows=words.count(data.labels.train, "row")))
    rows = data.class_rows.train
    if rows and len(rows) == len(data.classes):
        few = min(rows)
        least = _plain(data.classes[rows.index(few)])
        lines.append(words.say("card.balance", least=least, few=words.count(few, "row"), many=words.number(max(rows))))
    if (record.test_looks or 0) > 1:
        lines.append(words.say("card.looks", times=words.number(record.test_looks)))
    return lines


def _recipe(config: Any, record: RunRecord, words: Language) -> list[str]:
    total, trainable = record.parameters.total, record.parameters.trainable
    size = words.say("card.size", total=words.number(total), trainable=words.number(trainable))
    epochs = words.say("card.epochs", epochs=words.number(record.epochs), best=words.number(record.best_epoch))
    text = yaml.safe_dump(unplaced_settings(config), sort_keys=False, allow_unicode=True)
    folds = [words.say("card.folds", folds=words.number(record.folds))] if record.folds else []
    return [words.say("card.recipe"), size, epochs, *folds, f"````yaml\n{text.strip()}\n````"]


def _results(run: RunDir, scores: FullScores, classes: Sequence[str], words: Language) -> list[str]:
    limits = _intervals(run)

    def value(name: str, number: float) -> str:
        return words.percent(number) if name in SHARES else words.number(number, 3)

    rows = []
    for name in METRICS:
        if (number := getattr(scores, name)) is not None:
            low, high = limits.get(name, (None, None))
            interval = NOTHING if low is None or high is None else f"{value(name, low)} – {value(name, high)}"
            rows.append([words.say(f"card.metric.{name}"), value(name, number), interval])
    per_class = [
        [_plain(one.name), *map(words.percent, (one.precision, one.recall, one.f1)), words.number(one.support)]
        for one in scores.per_class
    ]
    found = [
        words.say("card.results"),
        words.say("card.interval"),
        _table([words.say("card.metric"), words.say("card.value"), words.say("card.between")], rows),
        words.say("card.per_class"),
        _table(words.say("card.columns").split("|"), per_class),
    ]
    confusion = Confusion.read(scores.confusion, len(classes))
    pairs = confusion.pairs(CONFUSED) if confusion else []
    lines = [
        words.say(
            "card.pair",
            truth=_plain(classes[truth]),
            predicted=_plain(classes[predicted]),
            rows=words.count(rows, "row"),
            share=words.percent(share),
        )
        for truth, predicted, rows, share in pairs
    ]
    return [*found, words.say("card.confuses"), "\n".join(lines)] if lines else found


def _intervals(run: RunDir) -> dict[str, tuple[float, float]]:
    try:
        return intervals(tally(read_logits(run.predictions), read_answers(run.predictions).labels))
    except (OSError, ValueError):
        return {}


def _limits(record: RunRecord, words: Language) -> list[str]:
    return [words.say("card.limits"), words.say("card.limits.text", source=_plain(unplaced(record.data.source)))]


def _cost(record: RunRecord, words: Language) -> list[str]:
    time = words.say("card.seconds", time=words.duration(record.seconds), device=record.device or NOTHING)
    found = record.price
    price = [words.say("card.price", price=words.money(found.amount, found.currency))] if found else []
    return [words.say("card.cost"), time, *price, _energy(record, words)]


def _energy(record: RunRecord, words: Language) -> str:
    taken = record.energy
    if taken is None:
        return words.say("card.no_energy")
    if taken.kwh is None:
        return words.say("card.unmeasured", why=words.say(f"energy.{taken.why or 'absent'}"))
    parts = ", ".join(words.named(f"energy.of.{part}") for part in taken.of)
    return words.say("card.energy", energy=words.energy(taken.kwh), parts=parts)


def _licence(record: RunRecord, licences: dict[str, str], words: Language) -> list[str]:
    known = [words.say("card.licence.known", name=_plain(name), licence=found) for name, found in licences.items()]
    # The hub's own files of weights are all called alike: where the network is known, its name says more.
    files = [] if known else sorted({unplaced(origin.file) for origin in record.weights.values()})
    if files:
        known = [words.say("card.licence.foreign", files=", ".join(map(_plain, files)))]
    return [words.say("card.licence"), *(known or [words.say("card.licence.own")]), words.say("card.licence.data")]


def _config(run: RunDir) -> Any:
    try:
        return plain_yaml(run.config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"could not read {run.config}: {error}. {run.cure()}") from error


def licences_of(config: Any) -> dict[str, str]:
    """The licences of the ImageNet weights that settings name, by network, as timm knows them."""
    if isinstance(config, list):
        return {name: licence for one in config for name, licence in licences_of(one).items()}
    if not isinstance(config, dict):
        return {}
    found = {name: licence for one in config.values() for name, licence in licences_of(one).items()}
    if config.get("weights") == "imagenet" and isinstance(config.get("name"), str):
        from timm.models import get_pretrained_cfg

        known = get_pretrained_cfg(config["name"])
        found[config["name"]] = (known and known.license) or "unknown"
    return found


def _plain(text: str) -> str:
    """Text in which Markdown and HTML find nothing to act on."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
