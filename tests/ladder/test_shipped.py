"""The ladders in the package: all of them, found by a glob."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import escalera
from escalera.ladder import schema
from escalera.ladder.read import read_ladder, shipped
from escalera.ladder.schema import Cnn, RungConfig

FILES = sorted((Path(escalera.__file__).parent / "ladder" / "shipped").glob("*.yaml"))
RUNGS = {
    "cifar10": 11, "cifar10-multimodal": 7, "cifar100": 14, "cifar100-mlp": 9, "digits": 8, "fashion-mnist": 10,
    "houses": 10, "houses-folds": 6, "photos": 7, "summit": 12, "summit-fashion": 12,
    "transfer": 5,
}  # fmt: skip


def test_all_files_ship_and_their_rungs_are_counted() -> None:
    assert shipped() == [(file.stem, file) for file in FILES]
    assert {name: len(read_ladder(name).rungs) for name, _ in shipped()} == RUNGS


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_ladder_has_no_mistake_and_both_languages(file: Path) -> None:
    reading = read_ladder(file)
    assert reading.problems == []
    assert reading.ladder.name == file.stem
    texts = [reading.ladder.title, *(rung.why for rung in reading.rungs)]
    assert len(texts) == RUNGS[file.stem] + 1
    for text in texts:
        assert text is not None
        assert len(text.en) > 20
        assert len(text.es) > 20
        assert text.en != text.es


def test_digits_are_never_mirrored() -> None:
    assert not any(rung.config.augment.horizontal_flip for rung in read_ladder("digits").rungs)


def parameters(config: RungConfig) -> tuple[int, int]:
    """Trainable and other parameters of a cnn on CIFAR-10, counted as Keras does."""
    model = config.model
    assert isinstance(model, Cnn)
    trainable, other, channels, size = 0, 0, 3, 32
    for block in model.blocks:
        for width in block:
            trainable += 9 * channels * width + width
            channels = width
            if model.batch_norm == "conv":
                trainable, other = trainable + 2 * width, other + 2 * width
        size //= 2
    units = channels * size * size
    for width in model.head.dense:
        trainable += units * width + width
        units = width
        if model.head.batch_norm:
            trainable, other = trainable + 2 * width, other + 2 * width
    return trainable + units * 10 + 10, other


def test_the_networks_of_cifar10_are_those_of_the_reference() -> None:
    own = read_ladder("cifar10").rungs[:6]  # the others stand on VGG16: tests/models has their totals
    assert {rung.name: parameters(rung.config) for rung in own} == {
        "base": (263_402, 0),
        "deeper": (651_978, 0),
        "dropout": (651_978, 0),
        "doubled": (1_341_226, 0),
        "batch-norm": (847_402, 1_664),
        "augmentation": (847_402, 1_664),
    }


def test_the_training_of_cifar10_is_that_of_the_reference() -> None:
    ladder = read_ladder("cifar10").ladder
    trains = [rung.config.train for rung in ladder.rungs[:6]]
    assert {train.epochs for train in trains} == {100}
    assert [train.batch_size for train in trains] == [512, 512, 512, 512, 256, 256]
    assert [train.early_stopping and train.early_stopping.patience for train in trains] == [5, 5, 5, 5, 5, 10]
    assert all(
        train.early_stopping and train.early_stopping.monitor == ["val_loss", "val_accuracy"] for train in trains
    )
    assert {train.optimizer.model_dump_json() for train in trains} == {
        '{"name":"adam","lr":0.001,"backbone_lr":null,"layer_decay":null,"bias_scaler":null,"betas":[0.9,0.999],"epsilon":1e-7}'
    }
    dropout, doubled, normed = (ladder[name].config.model for name in ("dropout", "doubled", "batch-norm"))
    assert isinstance(dropout, schema.Cnn) and isinstance(doubled, schema.Cnn) and isinstance(normed, schema.Cnn)
    assert dropout.dropout == [0, 0.25, 0.25]
    assert dropout.head.dropout == [0, 0.25]
    assert doubled.dropout == 0.25
    assert normed.head.dropout == [0, 0.25]
    augment = ladder["augmentation"].config.augment.model_dump(exclude_defaults=True)
    assert augment == {"rotation": 15, "shift": 0.1, "horizontal_flip": True}


def test_reading_a_ladder_needs_no_torch() -> None:
    code = (
        "import sys; from escalera.ladder.read import read_ladder; from escalera.ladder.editor import json_schema; "
        "read_ladder('digits'); json_schema(); print([name for name in ('torch', 'numpy') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
