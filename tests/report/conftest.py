"""A ladder as a climb leaves it, made up: five rungs, ten classes, 500 test rows, and one rung that failed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from escalera.core.files import write_json
from escalera.core.rundir import RunDir
from escalera.evaluate.metrics import measure

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
ROWS = {"train": 4050, "validation": 450, "test": 500}
RUNGS: list[dict[str, Any]] = [
    {"name": "base", "accuracy": 0.63, "seconds": 47.2, "parameters": (263_402, 0), "epochs": 13},
    {"name": "deeper", "accuracy": 0.74, "seconds": 45.1, "parameters": (651_978, 0), "epochs": 16},
    {"name": "batch-norm", "accuracy": 0.745, "seconds": 149.0, "parameters": (847_402, 1_664), "epochs": 24},
    {"name": "vgg16-scratch", "error": "epoch 3, step 41: the loss is not finite (nan). Try a smaller learning rate."},
    {"name": "augmentation", "accuracy": 0.86, "seconds": 1225.0, "parameters": (847_402, 1_664), "epochs": 41},
]
CHANGES = {
    "deeper": [
        {"path": "model.blocks", "before": [[32]], "after": [[32], [64], [128]]},
        {"path": "model.head.dense", "before": [32], "after": [256, 128]},
    ],
    "batch-norm": [
        {"path": "model.batch_norm", "before": "none", "after": "conv"},
        {"path": "train.batch_size", "before": 512, "after": 256},
    ],
    "vgg16-scratch": [
        {"path": "model.kind", "before": "cnn", "after": "backbone"},
        {"path": "train.clip_norm", "before": None, "after": 1.0},
    ],
    "augmentation": [
        {"path": "augment.rotation", "before": 0.0, "after": 15.0},
        {"path": "augment.shift", "before": 0.0, "after": 0.1},
        {"path": "augment.horizontal_flip", "before": False, "after": True},
        {"path": "train.early_stopping.patience", "before": 5, "after": 10},
    ],
}
PARENTS = {"deeper": "base", "batch-norm": "deeper", "vgg16-scratch": "batch-norm", "augmentation": "batch-norm"}
WHYS = {
    "base": {
        "en": "One convolution: the least that could work.",
        "es": "Una convolución: lo mínimo que podría funcionar.",
    },
    "deeper": {
        "en": "Three convolutions see larger parts of the picture than one.",
        "es": "Tres convoluciones ven partes más grandes de la imagen que una sola.",
    },
    "batch-norm": {
        "en": "Batch norm keeps the activations in range, so that training is steadier.",
        "es": "La normalización por lotes mantiene las activaciones en su rango y estabiliza el entrenamiento.",
    },
    "augmentation": {
        "en": "Pictures turned, moved and mirrored: the network cannot learn the train set by heart.",
        "es": "Imágenes giradas, desplazadas y reflejadas: la red no puede aprenderse de memoria el entrenamiento.",
    },
}


def make_logits(
    rng: np.random.Generator, difficulty: np.ndarray, labels: np.ndarray, accuracy: float, classes: int
) -> np.ndarray:
    """Logits (N, K) right in about `accuracy` of the rows, on much the same rows for each rung, as real rungs are."""
    score = 0.8 * difficulty + 0.2 * rng.random(len(labels))
    right = score < np.quantile(score, accuracy)
    wrong = (labels + 1 + rng.integers(0, classes - 1, len(labels)) * (rng.random(len(labels)) < 0.6)) % classes
    wrong = np.where(wrong == labels, (labels + 2) % classes, wrong)
    logits = rng.normal(0, 1, (len(labels), classes))
    logits[np.arange(len(labels)), np.where(right, labels, wrong)] += 4.5 + rng.random(len(labels))
    return logits.astype(np.float32)


def make_history(rng: np.random.Generator, accuracy: float, epochs: int) -> list[dict[str, Any]]:
    lines = []
    for epoch in range(1, epochs + 1):
        x = epoch / epochs
        train = min(0.99, accuracy + 0.10) * (1 - 0.75 * np.exp(-4.5 * x)) + rng.normal(0, 0.003)
        val = accuracy * (1 - 0.72 * np.exp(-6 * x)) - 0.01 * x + rng.normal(0, 0.008)
        lines.append(
            {
                "epoch": epoch,
                "loss": round(2.5 * (1 - train) + 0.05, 4),
                "accuracy": round(train, 4),
                "val_loss": round(2.3 * (1 - val) + 0.3 * max(0, x - 0.6) + 0.1, 4),
                "val_accuracy": round(val, 4),
                "lr": 0.001,
                "seconds": 3.5,
                "images_per_second": 1150.0,
            }
        )
    return lines


def write_run(
    run: RunDir,
    rung: dict[str, Any],
    *,
    ladder: str,
    seed: int,
    classes: list[str],
    rows: dict[str, int],
    source: str = "cifar10",
) -> None:
    """All the files of one run."""
    accuracy, epochs = rung.get("accuracy", 0.1), rung.get("epochs", 2)
    rng = np.random.default_rng([seed, int(accuracy * 1e4)])
    shared = np.random.default_rng(7)
    labels = shared.integers(0, len(classes), rows["test"])
    difficulty = shared.random(rows["test"])
    trainable, fixed = rung.get("parameters", (0, 0))
    record: dict[str, Any] = {
        "state": "failed" if "error" in rung else "done",
        "error": rung.get("error"),
        "ladder": ladder,
        "rung": rung["name"],
        "seed": seed,
        "parent": PARENTS.get(rung["name"]),
        "started": "2026-03-14T09:26:53+00:00",
        "finished": "2026-03-14T09:41:12+00:00",
        "data": {"source": source, "shape": [32, 32, 3], "classes": classes, "rows": rows},
    }
    run.path.mkdir(parents=True)
    run.config.write_text(yaml.safe_dump({"data": {"source": source}, "model": {"kind": "cnn"}}))
    write_json(run.environment, ENVIRONMENT)
    if "error" not in rung:
        record |= {
            "seconds": rung["seconds"] * (1 + 0.05 * seed),
            "epochs": epochs,
            "best_epoch": max(1, epochs - 5),
            "stopped": "early stopping",
            "images_per_second": 4050 * epochs / rung["seconds"],
            "inference_images_per_second": 9200.0,
            "parameters": {"total": trainable + fixed, "trainable": trainable, "non_trainable": fixed},
            "layers": [
                {
                    "name": "blocks.0.conv",
                    "kind": "Conv2d",
                    "output_shape": [32, 32, 32],
                    "parameters": 896,
                    "trainable": True,
                },
                {
                    "name": "blocks.0.pool",
                    "kind": "MaxPool2d",
                    "output_shape": [32, 16, 16],
                    "parameters": 0,
                    "trainable": True,
                },
                {
                    "name": "blocks.0.norm",
                    "kind": "BatchNorm2d",
                    "output_shape": [32, 16, 16],
                    "parameters": fixed * 2,
                    "trainable": True,
                },
                {
                    "name": "head.dense.0",
                    "kind": "Linear",
                    "output_shape": [32],
                    "parameters": trainable - 1226,
                    "trainable": True,
                },
                {"name": "head.out", "kind": "Linear", "output_shape": [10], "parameters": 330, "trainable": False},
            ],
            "flops_per_image": 3_104_256,
            "peak_memory_bytes": 1_240_000_000,
            "test_looks": 1,
            "price": {"amount": 0.0123, "currency": "USD"},
            "precision": "fp32",
            "device": "cpu",
        }
        logits = make_logits(rng, difficulty, labels, accuracy, len(classes))
        history = make_history(rng, accuracy, epochs)
        write_json(
            run.metrics,
            {
                "train": {"accuracy": history[-1]["accuracy"], "loss": history[-1]["loss"]},
                "validation": {"accuracy": history[-1]["val_accuracy"], "loss": history[-1]["val_loss"]},
                "test": measure(logits, labels, classes),
            },
        )
        for line in history:
            run.append_history(line)
        write_predictions(run.predictions, labels, logits)
    write_json(run.record, record)


ENVIRONMENT = {
    "python": "3.11.9",
    "escalera": "0.1.0",
    "torch": "2.10.0",
    "platform": "Linux-6.8-x86_64",
    "cpu": "AMD EPYC 7B13",
    "cores": 8,
    "threads": 8,
    "memory_bytes": 33_500_000_000,
    "gpu": None,
    "date": "2026-03-14T09:41:12+00:00",
}


def write_predictions(path: Path, labels: np.ndarray, logits: np.ndarray, rows: np.ndarray | None = None) -> None:
    """predictions.parquet."""
    columns = {
        "row": pa.array(np.arange(len(labels)) if rows is None else rows, pa.int64()),
        "label": pa.array(labels, pa.int64()),
        "logits": pa.array(list(logits), pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(columns), path)


def make_ladder(
    folder: Path,
    *,
    rungs: list[dict[str, Any]] = RUNGS,
    classes: list[str] = CLASSES,
    rows: dict[str, int] = ROWS,
    seeds: int = 1,
    title: dict[str, str] | None = None,
) -> Path:
    """`<out>/<ladder>` with everything in it; gives the folder."""
    for rung in rungs:
        for seed in range(seeds):
            run = RunDir(folder / rung["name"] / f"seed-{seed}")
            write_run(run, rung, ladder=folder.name, seed=seed, classes=classes, rows=rows)
    entries = [
        {
            "name": rung["name"],
            "why": WHYS.get(rung["name"]),
            "parent": PARENTS.get(rung["name"]),
            "change": CHANGES.get(rung["name"], []),
            "seeds": list(range(seeds)),
        }
        for rung in rungs
    ]
    title = title or {"en": "CIFAR-10, one change at a time", "es": "CIFAR-10, un cambio cada vez"}
    command = "escalera climb cifar10 --seeds 1"
    write_json(folder / "ladder.json", {"name": folder.name, "title": title, "command": command, "rungs": entries})
    return folder


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ladder(tmp_path_factory.mktemp("made") / "cifar10")


@pytest.fixture
def ladder_dir(made_once: Path, tmp_path: Path) -> Path:
    """A ladder of one's own, to spoil."""
    return Path(shutil.copytree(made_once, tmp_path / "cifar10"))


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """`build(rungs=..., classes=..., rows=..., seeds=...)` writes a ladder and gives its folder."""
    return lambda **options: make_ladder(tmp_path / "ladder", **options)


@pytest.fixture
def predictions() -> Callable[..., None]:
    """`predictions(path, labels, logits, rows)` writes a predictions.parquet."""
    return write_predictions


@pytest.fixture
def rungs() -> list[dict[str, Any]]:
    return [dict(rung) for rung in RUNGS]
