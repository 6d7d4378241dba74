"""A rung is its parent plus a change: the difference of two configurations makes the one of the other."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from escalera.ladder.change import apply, difference
from escalera.ladder.read import dump_config, load_config, read_ladder
from escalera.ladder.schema import RungConfig

Plain = st.SearchStrategy[dict[str, Any]]

COUNTS = st.integers(1, 64)
WIDTHS = st.lists(COUNTS, min_size=1, max_size=3)
FRACTIONS = st.floats(0, 0.9)
POSITIVE = st.floats(1e-6, 10)
SHARES = st.floats(0.01, 0.9)


def one(name: str, given: dict[str, Any] | None = None, tag: str = "kind", /, **optional: Any) -> Plain:
    """A section of the kind `name`, with the settings that it needs and any of the optional ones."""
    return st.fixed_dictionaries({tag: st.just(name), **(given or {})}, optional=optional)


HEADS: Plain = st.fixed_dictionaries(
    {},
    optional={
        "pool": st.sampled_from(["flatten", "average"]),
        "dense": st.lists(COUNTS, max_size=2),
        "batch_norm": st.booleans(),
        "dropout": FRACTIONS,
        "activation": st.sampled_from(["relu", "gelu"]),
    },
)
DENSE = {"batch_norm": st.booleans(), "dropout": FRACTIONS, "l2": st.floats(0, 1)}
TRAINABLE = st.sampled_from(["all", "none", {"last": 2}, {"from_epoch": 3}])
CLASSIFIERS = st.sampled_from([
    [{"name": "nearest_neighbours", "k": 3}],
    [{"name": "random_forest"}, {"name": "linear_svm", "alpha": 0.01}],
])  # fmt: skip


def bodies(**head: Any) -> Plain:
    """The kinds that can be a branch, with a head of their own where one is given."""
    blocks = st.lists(WIDTHS, min_size=1, max_size=3)
    return st.one_of(
        one("mlp", {"dense": WIDTHS}, **DENSE, **head),
        one(
            "cnn", {"blocks": blocks}, batch_norm=st.sampled_from(["none", "conv", "block"]), dropout=FRACTIONS, **head
        ),
        one("alexnet", **head),
        one("conv1d", {"widths": WIDTHS}, kernel=st.integers(2, 9), pool=COUNTS, **head),
        one("table", {"dense": WIDTHS}, **DENSE, **head),
        one("backbone", {"name": st.just("resnet18"), "weights": st.sampled_from(["none", "imagenet"])}, **head),
    )


MODELS = st.one_of(
    bodies(head=HEADS),
    one("backbone", {"name": st.just("vgg16"), "weights": st.just("none")}, until=st.just("x"), trainable=TRAINABLE),
    # Of weights that come from a run `like` is read, and no setting.
    one("transfer", {"weights": st.just("a.safetensors"), "like": bodies()}, trainable=TRAINABLE, head=HEADS),
    one("votes", {"features": st.just({"run": "runs/a"})}, classifiers=CLASSIFIERS, pca=st.none() | COUNTS),
    one("fusion", {"branches": st.dictionaries(st.sampled_from("abcd"), bodies(), min_size=2)}, head=HEADS),
)  # fmt: skip
ADAM = {"lr": POSITIVE, "backbone_lr": st.none() | POSITIVE, "betas": st.lists(FRACTIONS, min_size=2, max_size=2)}
OPTIMIZERS = st.one_of(
    one("adam", None, "name", **ADAM),
    one("adamw", None, "name", **ADAM, weight_decay=st.floats(0, 1)),
    one("sgd", {"momentum": st.floats(0.1, 0.9)}, "name", lr=POSITIVE, nesterov=st.booleans()),
)
SCHEDULES = st.one_of(
    one("constant", None, "name"),
    one("exponential", None, "name", factor=SHARES, every=POSITIVE),
    one("cosine", None, "name", warmup=st.floats(0, 5)),
    one("one_cycle", None, "name", warmup=SHARES),
    one("plateau", None, "name", patience=COUNTS, min_lr=st.floats(0, 1)),
)
MONITORS = st.sampled_from(["val_loss", "val_accuracy", ["val_accuracy", "val_loss"]])
DATA: Plain = st.fixed_dictionaries(
    {"source": st.sampled_from(["digits", "mnist"])},
    optional={
        "validation": SHARES,
        "image_size": st.one_of(st.none(), COUNTS, st.lists(COUNTS, min_size=2, max_size=2)),
        "channels": st.sampled_from([None, 1, 3]),
        "attributes": st.sampled_from([None, ["a", "b"], {"numeric": ["a"]}, {"categorical": ["b"]}]),
        "select": st.sampled_from([None, ["a"], {"best": 3}]),
        "group": st.sampled_from([None, "patient"]),
    },
)
TRAIN: Plain = st.fixed_dictionaries(
    {},
    optional={
        "epochs": COUNTS,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "clip_norm": st.none() | POSITIVE,
        "label_smoothing": FRACTIONS,
        "ema": st.none() | SHARES,
        "early_stopping": st.none() | st.fixed_dictionaries({}, optional={"monitor": MONITORS, "patience": COUNTS}),
    },
)
AUGMENT: Plain = st.fixed_dictionaries(
    {}, optional={"rotation": st.floats(0, 180), "shift": FRACTIONS, "horizontal_flip": st.booleans()}
)
EVALUATE: Plain = st.fixed_dictionaries({}, optional={"tta": st.sampled_from(["none", "flip"])})

CONFIGS: st.SearchStrategy[RungConfig] = st.fixed_dictionaries(
    {"data": DATA, "model": MODELS}, optional={"train": TRAIN, "augment": AUGMENT, "evaluate": EVALUATE}
).map(load_config)


def settings(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every path that a change may set, with its value: sections too, but no key that says a section's kind."""
    for key, value in values.items():
        if key in ("kind", "name") or prefix == "model.branches.":
            continue
        yield prefix + key, value
        if isinstance(value, dict) and key not in ("branches", "like"):
            yield from settings(value, f"{prefix}{key}.")


def as_change(parent: RungConfig, child: RungConfig) -> dict[str, Any]:
    """What a file would say under `change`."""
    found: dict[str, Any] = json.loads(json.dumps({entry.path: entry.after for entry in difference(parent, child)}))
    return found


@given(CONFIGS)
def test_a_configuration_comes_back_from_its_json(config: RungConfig) -> None:
    assert load_config(json.loads(json.dumps(dump_config(config)))) == config


@given(CONFIGS, CONFIGS)
def test_the_parent_with_the_difference_is_the_child(parent: RungConfig, child: RungConfig) -> None:
    assert load_config(apply(dump_config(parent), as_change(parent, child))) == child


@given(CONFIGS, CONFIGS)
def test_a_ladder_resolves_to_the_child(parent: RungConfig, child: RungConfig) -> None:
    first = {"name": "parent", **dump_config(parent)}
    found = read_ladder({"name": "two", "rungs": [first, {"name": "child", "change": as_change(parent, child)}]})
    assert found.problems == []
    assert [rung.config for rung in found.rungs] == [parent, child]


@given(CONFIGS)
def test_nothing_differs_from_itself(config: RungConfig) -> None:
    assert difference(config, config) == []


@given(CONFIGS, st.data())
def test_a_change_to_what_the_parent_says_changes_nothing(parent: RungConfig, data: st.DataObject) -> None:
    path, value = data.draw(st.sampled_from(list(settings(dump_config(parent)))))
    child = load_config(apply(dump_config(parent), {path: value}))
    assert child == parent
    assert difference(parent, child) == []


@given(CONFIGS, CONFIGS)
def test_of_what_differs_every_entry_is_needed(parent: RungConfig, child: RungConfig) -> None:
    changes = difference(parent, child)
    paths = [change.path for change in changes]
    assert len(set(paths)) == len(paths)
    assert not [(one, other) for one in paths for other in paths if other.startswith(one + ".")]
    assert all(change.before != change.after for change in changes)
