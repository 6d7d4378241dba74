"""Where a value was typed, and what --set does."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from escalera.core.errors import EscaleraError, LadderError
from escalera.experiment.climb import load_ladder
from escalera.ladder import schema
from escalera.ladder.read import Place, Reading, read_ladder

TEXT = """
name: places
data: {source: digits}
train:
  epochs: 9
rungs:
  - name: base
    model:
      kind: cnn
      blocks:
        - [32]
        - [64]
    train: {batch_size: 8}
  - name: deeper
    change:
      model.blocks: [[1], [2], [3]]
      train.optimizer.lr: 0.1
  - name: last
    change: {data.validation: 0.3}
  - name: dense
    change: {model: {kind: mlp, dense: [4]}}
"""


@pytest.mark.parametrize(
    ("rung", "path", "line", "typed"),
    [
        ("base", "model.blocks", 9, "rungs[0] (base).model.blocks"),
        ("base", "model.blocks[1][0]", 11, "rungs[0] (base).model.blocks[1][0]"),
        ("base", "model.blocks.1", 11, "rungs[0] (base).model.blocks[1]"),
        ("base", "model.head.dense", 7, "rungs[0] (base).model"),
        ("base", "train.epochs", 4, "train.epochs"),
        ("base", "train.batch_size", 12, "rungs[0] (base).train.batch_size"),
        ("base", "data.image_size", 2, "data"),
        ("base", "augment.rotation", 6, "rungs[0] (base)"),
        ("deeper", "model.blocks", 15, "rungs[1] (deeper).change.model.blocks"),
        ("deeper", "model.kind", 8, "rungs[0] (base).model.kind"),
        ("last", "model.blocks[2]", 15, "rungs[1] (deeper).change.model.blocks[2]"),
        ("last", "train.optimizer.lr", 16, "rungs[1] (deeper).change.train.optimizer.lr"),
        ("last", "data.source", 2, "data.source"),
        ("last", "data.validation", 18, "rungs[2] (last).change.data.validation"),
        ("dense", "model.blocks", 20, "rungs[3] (dense).change.model"),
        ("dense", "model.dense[0]", 20, "rungs[3] (dense).change.model.dense[0]"),
        ("dense", "augment", 19, "rungs[3] (dense)"),
    ],
)
def test_a_value_is_found_where_it_was_typed(
    read: Callable[..., Reading], rung: str, path: str, line: int, typed: str
) -> None:
    reading = read(TEXT)
    assert reading.problems == []
    assert reading.locate(rung, path) == Place(reading.file, line, typed)


class TestSet:
    def test_a_value_is_set_on_every_rung_and_located_on_the_command_line(self, read: Callable[..., Reading]) -> None:
        reading = read(TEXT, "train.epochs=3", "train.optimizer={name: sgd, lr: 1e-2}")
        assert reading.problems == []
        assert {rung.config.train.epochs for rung in reading.rungs} == {3}
        assert {rung.config.train.optimizer.lr for rung in reading.rungs} == {0.01}
        assert reading.locate("last", "train.epochs") == Place("", 0, "--set train.epochs=3")
        assert reading.locate("deeper", "train.optimizer.lr").path == "--set train.optimizer={name: sgd, lr: 1e-2}"

    def test_it_is_applied_to_the_rungs_it_fits(self, read: Callable[..., Reading]) -> None:
        reading = read(TEXT, "model.blocks=[[8]]", "model.dense=[5]")
        assert reading.problems == []
        models = [rung.config.model.model_dump(include={"blocks", "dense"}) for rung in reading.rungs]
        assert models == [{"blocks": [[8]]}] * 3 + [{"dense": [5]}]
        assert reading.locate("dense", "model.dense").path == "--set model.dense=[5]"
        assert reading.locate("deeper", "model.blocks").path == "--set model.blocks=[[8]]"

    def test_it_fits_only_where_the_whole_rung_stays_valid(self, read: Callable[..., Reading]) -> None:
        reading = read(TEXT, "model.dropout=[0.1, 0.2, 0.3]")
        assert reading.problems == []
        models = [rung.config.model for rung in reading.rungs]
        dropouts = [model.dropout for model in models if isinstance(model, schema.Mlp | schema.Cnn)]
        assert dropouts == [0, [0.1, 0.2, 0.3], [0.1, 0.2, 0.3], 0]

    def test_the_last_of_two_wins(self, read: Callable[..., Reading]) -> None:
        assert read(TEXT, "train.epochs=3", "train.epochs=4").rungs[0].config.train.epochs == 4

    def test_what_goes_together_does_whatever_its_order(self, read: Callable[..., Reading]) -> None:
        text = TEXT.replace("train: {", "train: {shards: 4, ", 1)
        assert read(text).problems == [] and "shards: 4" in text
        for sets in permutations(["train.exact=false", "train.shards=1", "train.epochs=3"]):
            reading = read(text, *sets)
            assert reading.problems == []
            found = {
                (rung.config.train.exact, rung.config.train.shards, rung.config.train.epochs) for rung in reading.rungs
            }
            assert found == {(False, 1, 3)}
            assert reading.locate("last", "train.exact").path == "--set train.exact=false"
        for sets in permutations(["data.target=price", "data.bands=4"]):
            reading = read(TEXT, *sets)
            assert reading.problems == [] and {rung.config.data.bands for rung in reading.rungs} == {4}

    def test_of_one_path_the_last_stands_though_the_first_had_to_wait(self, read: Callable[..., Reading]) -> None:
        text = TEXT.replace("train: {", "train: {shards: 4, ", 1)
        reading = read(text, "train.exact=false", "train.shards=1", "train.exact=true")
        assert reading.problems == [] and {rung.config.train.exact for rung in reading.rungs} == {True}

    def test_what_does_not_go_together_is_told_of_the_one_that_came_later(
        self, problems: Callable[..., list[str]]
    ) -> None:
        message = "expected shards: 1 beside exact: false, where processes share a batch evenly; received 4"
        assert problems(TEXT, "train.shards=4", "train.exact=false") == [
            f"--set train.exact=false: train.shards: {message}"
        ]

    @pytest.mark.parametrize("setting", ["train.epochs=", "train.epochs=null"])
    def test_nothing_puts_the_default_back(self, read: Callable[..., Reading], setting: str) -> None:
        assert read(TEXT, setting).rungs[0].config.train.epochs == 20

    def test_values_are_yaml(self, read: Callable[..., Reading]) -> None:
        reading = read(TEXT, "augment.horizontal_flip=true", "augment.shift=1e-1", "data.source=on")
        config = reading.rungs[0].config
        assert (config.augment.horizontal_flip, config.augment.shift, config.data.source) == (True, 0.1, "on")

    @pytest.mark.parametrize(
        ("setting", "message"),
        [
            ("train.epochz=3", "unknown key 'epochz'; did you mean 'epochs'?"),
            ("epochs=3", "unknown key 'epochs'; did you mean 'train.epochs'?"),
            ("train.epochs=ten", "expected a whole number of at least 1, received 'ten'"),
            ("train.schedule.name=cosine",
             "a section whose name changes is given whole: train.schedule: {name: cosine, ...}"),
            ("model.blocks=[[x]]", "model.blocks[0][0]: expected a whole number of at least 1, received 'x'"),
            ("model.dropout=[0.1]",
             "expected one value alone or a list of 2 values, one for each of 'blocks', received [0.1]"),
            ("train.optimizer={name: sdg}", "train.optimizer.name: unknown name 'sdg'; did you mean 'sgd'?"),
            ("model={kind: mlp}",
             "missing key 'dense'; expected a list of one or more whole numbers of at least 1"),
            ("data.image_size=[8]", "expected one number or [height, width], received [8]"),
            ("train.epochs", "expected path=value such as train.epochs=5, received 'train.epochs'"),
            ("data.label_pattern: {label}_*", "expected path=value, received path: value; write --set "
             "'data.label_pattern={label}_*'"),
            ("=3", "expected path=value such as train.epochs=5, received '=3'"),
            ("train.epochs=[1", "not YAML: expected ',' or ']', but got '<stream end>' while parsing a flow sequence"),
            ("train.epochs=*x", "the alias '*x' is not taken in a ladder; write the value out"),
        ],
    )  # fmt: skip
    def test_what_fits_no_rung_is_told_once(self, read: Callable[..., Reading], setting: str, message: str) -> None:
        reading = read(
            TEXT.replace("- name: dense\n    change: {model: {kind: mlp, dense: [4]}}\n", "- name: same\n"), setting
        )
        [problem] = reading.problems
        assert str(problem) == f"--set {setting}: {message}"
        assert (problem.path, problem.file, problem.line) == (f"--set {setting}", "", 0)

    def test_a_mistake_in_a_path_is_told_as_by_the_rung_that_has_it(self, problems: Callable[..., list[str]]) -> None:
        message = "expected a list of one or more whole numbers of at least 1, received 'x'"
        assert problems(TEXT, "model.dense=x") == [f"--set model.dense=x: {message}"]

    def test_the_mistakes_of_the_file_come_first(self, problems: Callable[..., list[str]]) -> None:
        assert problems(TEXT.replace("epochs: 9", "epochs: no"), "train.epochz=3") == [
            "ladder.yaml:4: train.epochs: expected a whole number of at least 1, received 'no'",
            "--set train.epochz=3: unknown key 'epochz'; did you mean 'epochs'?",
        ]


class TestSource:
    def test_a_name_is_a_shipped_ladder(self) -> None:
        assert read_ladder("digits").ladder.name == "digits"

    def test_an_unknown_name_brings_the_nearest_and_all(self) -> None:
        with pytest.raises(EscaleraError) as caught:
            read_ladder("digit")
        assert str(caught.value) == (
            "unknown ladder 'digit'; did you mean 'digits'? Shipped: cifar10-multimodal, cifar10, "
            "cifar100-mlp, cifar100, digits, fashion-mnist, houses-folds, houses, photos, summit-fashion, summit, "
            "transfer. "
            "A ladder of your own is given by its path, such as my_ladder.yaml."
        )

    def test_a_name_like_no_other_brings_all(self) -> None:
        with pytest.raises(
            EscaleraError,
            match=r"^unknown ladder 'zzz'\. Shipped: cifar10-multimodal, cifar10, cifar100-mlp, "
            r"cifar100, digits, fashion-mnist, houses-folds, houses, photos, summit-fashion, summit, transfer\. "
            r"A ladder of",
        ):
            read_ladder("zzz")

    @pytest.mark.parametrize("source", ["absent.yaml", "absent.yml", "no/where", Path("absent")])
    def test_a_path_with_no_file_says_so(self, source: str | Path) -> None:
        with pytest.raises(EscaleraError, match=rf"^expected a ladder file, but there is none at '{source}'$"):
            read_ladder(source)

    def test_a_folder_is_no_ladder(self, tmp_path: Path) -> None:
        with pytest.raises(EscaleraError, match=rf"^expected a ladder file, received the folder '{tmp_path}'\."):
            read_ladder(str(tmp_path))

    def test_a_file_that_cannot_be_read_says_why(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "a.yaml"
        file.touch()

        def refuse(*_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(EscaleraError, match=rf"^the ladder file '{file}' cannot be read: Permission denied$"):
            read_ladder(file)

    def test_a_file_needs_no_suffix_and_a_path_may_be_text(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "mine").write_text(TEXT)
        monkeypatch.chdir(tmp_path)
        assert read_ladder("mine").ladder.name == "places"
        assert read_ladder("./mine").file == "mine"


def test_a_ladder_without_the_rung_says_what_it_has() -> None:
    ladder = read_ladder("digits").ladder
    with pytest.raises(EscaleraError, match=r"^the ladder 'digits' has no rung 'deper'; did you mean 'deeper'\?$"):
        ladder["deper"]


@pytest.mark.parametrize(
    "model",
    [
        "{kind: backbone, name: resnet18, weights: none}",
        "{kind: fusion, branches: {a: {kind: cnn, blocks: [[4]]}, b: {kind: backbone, name: resnet18, weights: none}}}",
        "{kind: transfer, weights: a.safetensors, like: {kind: backbone, name: resnet18, weights: none}}",
    ],
)
def test_pictures_are_normalised_once(model: str, problems: Callable[..., list[str]]) -> None:
    """Whatever stands around a backbone, weights that expect their own scale would see another."""
    rung = f"rungs: [{{name: base, model: {model}}}]"
    told = problems(f"name: x\ndata: {{source: digits, normalize: standard}}\n{rung}\n")
    assert any("a backbone normalises its pictures itself: expected unit, received standard" in line for line in told)
    assert not any("normalises" in line for line in problems(f"name: x\ndata: {{source: digits}}\n{rung}\n"))


def test_a_transfer_of_a_backbone_takes_pictures_as_they_are() -> None:
    """What it continues is known once the rung is found that it starts from."""
    ladder = {
        "name": "x",
        "data": {"source": "digits"},
        "rungs": [
            {"name": "body", "model": {"kind": "backbone", "name": "resnet18", "weights": "none"}},
            {
                "name": "head",
                "change": {"model": {"kind": "transfer", "weights": {"from": "body"}}, "data.normalize": "standard"},
            },
        ],
    }
    with pytest.raises(LadderError, match="a backbone normalises its pictures itself: expected unit, received stand"):
        load_ladder(ladder)
