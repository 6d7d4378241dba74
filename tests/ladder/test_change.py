from __future__ import annotations

import json
from typing import Any

import pytest

from escalera.core.errors import LadderError
from escalera.ladder.change import Change, apply, difference
from escalera.ladder.read import dump_config, load_config, read_ladder
from escalera.ladder.schema import Cnn, Data, EarlyStopping, Mlp, RungConfig, Sgd, Train

CNN: dict[str, Any] = {
    "data": {"source": "digits"},
    "model": {"kind": "cnn", "blocks": [[32], [64]], "head": {"dense": [10, 20], "dropout": 0.5}},
    "train": {"epochs": 5},
}


def config(**train: Any) -> RungConfig:
    return RungConfig(data=Data(source="digits"), model=Mlp(kind="mlp", dense=[8]), train=Train(**train))


class TestApply:
    def test_a_dotted_path_sets_one_value(self) -> None:
        assert apply(CNN, {"train.epochs": 7}) == {**CNN, "train": {"epochs": 7}}

    def test_a_list_is_replaced_whole(self) -> None:
        assert apply(CNN, {"model.blocks": [[8]]})["model"]["blocks"] == [[8]]

    def test_a_mapping_replaces_its_section_whole(self) -> None:
        assert apply(CNN, {"model.head": {"pool": "average"}})["model"]["head"] == {"pool": "average"}

    def test_nothing_puts_the_default_back(self) -> None:
        child = apply(CNN, {"model.head.dropout": None, "train": None})
        assert child == {
            "data": CNN["data"],
            "model": {"kind": "cnn", "blocks": [[32], [64]], "head": {"dense": [10, 20]}},
        }

    def test_nothing_on_a_key_that_is_not_given_changes_nothing(self) -> None:
        assert apply(CNN, {"train.clip_norm": None}) == CNN

    def test_a_section_that_was_not_given_starts_from_its_default(self) -> None:
        child = apply(CNN, {"train.optimizer.lr": 0.1, "train.early_stopping.patience": 3, "augment.shift": 0.2})
        assert load_config(child).train.optimizer.lr == 0.1
        assert load_config(child).train.optimizer.name == "adam"
        assert child["train"]["early_stopping"] == {"patience": 3}
        assert child["augment"]["shift"] == 0.2

    def test_a_section_of_another_kind_is_given_whole(self) -> None:
        child = apply(CNN, {"model": {"kind": "mlp", "dense": [4]}})
        assert load_config(child).model == Mlp(kind="mlp", dense=[4])

    def test_the_parent_and_the_change_stay_as_they_were(self) -> None:
        before, change = json.dumps(CNN), {"model.blocks": [[8]], "train.epochs": 1}
        child = apply(CNN, change)
        child["model"]["blocks"][0].append(9)
        child["data"]["source"] = "mnist"
        assert json.dumps(CNN) == before
        assert change["model.blocks"] == [[8]]

    @pytest.mark.parametrize(
        ("path", "message"),
        [
            ("model.bloks", "unknown key 'bloks' for kind 'cnn'; did you mean 'blocks'?"),
            ("model.dense", "unknown key 'dense' for kind 'cnn'; did you mean 'model.head.dense'?"),
            ("train.optimizer.momentum",
             "unknown key 'momentum' for name 'adam'; known: name, lr, backbone_lr, layer_decay, bias_scaler, betas, "
             "epsilon"),
            ("modle.blocks", "unknown key 'modle'; did you mean 'model'?"),
            ("epochs", "unknown key 'epochs'; did you mean 'train.epochs'?"),
            ("train.lr", "unknown key 'lr'; did you mean 'train.optimizer.lr'?"),
            ("train.learning_rate", "unknown key 'learning_rate'; did you mean 'train.optimizer.lr'?"),
            ("train.optimizer.learning_rate", "unknown key 'learning_rate' for name 'adam'; did you mean 'lr'?"),
            ("train.dropout", "unknown key 'dropout'; did you mean 'model.dropout'?"),
            ("train.image_size", "unknown key 'image_size'; did you mean 'data.image_size'?"),
            ("head.dense", "unknown key 'head'; did you mean 'model.head.dense'?"),
            ("xyzzy", "unknown key 'xyzzy'; known: data, augment, model, train, evaluate"),
            ("train.epochs.max", "unknown key 'max': 'train.epochs' holds no keys; give its value whole"),
            ("model.blocks.0", "unknown key '0': 'model.blocks' holds no keys; give its value whole"),
            ("train..epochs", "unknown key ''; known: epochs, batch_size, drop_last, optimizer, schedule, accumulate, "
             "shards, exact, clip_norm, loss, label_smoothing, class_weights, sampler, ema, lookahead, progressive, "
             "early_stopping, precision"),
            ("model.kind", "a section whose kind changes is given whole: model: {kind: new, ...}"),
            ("train.optimizer.name", "a section whose name changes is given whole: train.optimizer: {name: new, ...}"),
            ("train.schedule.name", "a section whose name changes is given whole: train.schedule: {name: new, ...}"),
        ],
    )  # fmt: skip
    def test_a_path_that_cannot_be_set_says_why(self, path: str, message: str) -> None:
        with pytest.raises(LadderError) as caught:
            apply(CNN, {path: "new"})
        assert [(problem.path, problem.message) for problem in caught.value.problems] == [(path, message)]

    def test_all_paths_that_cannot_be_set_are_told_together(self) -> None:
        with pytest.raises(LadderError) as caught:
            apply(CNN, {"train.epochz": 1, "train.epochs": 2, "model": {}, "model.blocks": []})
        assert str(caught.value) == (
            "train.epochz: unknown key 'epochz'; did you mean 'epochs'?\n"
            "model.blocks: 'model' is given whole by the same change; write it there\n"
            "2 problems in the ladder; nothing was run."
        )

    def test_where_the_parent_names_no_known_kind_every_kind_will_do(self) -> None:
        broken = {"model": {"kind": "cnnn"}}
        assert apply(broken, {"model.blocks": [[1]]})["model"]["blocks"] == [[1]]
        assert apply(broken, {"model.dense": [1]})["model"]["dense"] == [1]


class TestDifference:
    def test_of_equal_configurations_is_empty(self) -> None:
        assert difference(config(), config()) == []

    def test_names_leaf_paths(self) -> None:
        assert difference(config(), config(epochs=3, batch_size=8)) == [
            Change("train.epochs", 20, 3),
            Change("train.batch_size", 256, 8),
        ]

    def test_a_section_of_another_kind_is_one_entry_without_defaults(self) -> None:
        before = config(optimizer=Sgd(name="sgd", lr=0.1, momentum=0.9))
        after = config().model_copy(update={"model": Cnn(kind="cnn", blocks=[[4]], dropout=[0.1])})
        assert difference(before, after) == [
            Change("model", {"kind": "mlp", "dense": [8]}, {"kind": "cnn", "blocks": [[4]], "dropout": [0.1]}),
            Change("train.optimizer", {"name": "sgd", "lr": 0.1, "momentum": 0.9}, {"name": "adam"}),
        ]

    def test_a_section_that_comes_or_goes_is_one_entry(self) -> None:
        stopping = {"monitor": "val_loss", "patience": 3, "restore_best": True}
        with_stopping = config(early_stopping=EarlyStopping(patience=3))
        assert difference(config(), with_stopping) == [Change("train.early_stopping", None, stopping)]
        assert difference(with_stopping, config()) == [Change("train.early_stopping", stopping, None)]

    def test_of_a_first_rung_is_what_it_gives(self) -> None:
        assert difference(None, config(epochs=3, optimizer=Sgd(name="sgd"))) == [
            Change("data.source", None, "digits"),
            Change("model", None, {"kind": "mlp", "dense": [8]}),
            Change("train.epochs", None, 3),
            Change("train.optimizer", None, {"name": "sgd"}),
        ]

    @pytest.mark.parametrize("name", ["digits", "cifar10"])
    def test_applied_to_the_one_gives_the_other(self, name: str) -> None:
        rungs = read_ladder(name).rungs
        pairs = [(before.config, after.config) for before in rungs for after in rungs]
        assert len(pairs) >= 36
        for before, after in pairs:
            changes = difference(before, after)
            json.dumps([change.after for change in changes])
            assert load_config(apply(dump_config(before), {change.path: change.after for change in changes})) == after
