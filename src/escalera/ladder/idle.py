"""Settings that change nothing in a rung because of its others, or do once more what another one does.

They are told and not refused: a rung inherits them from one where they count, and `--set train.epochs=1` fits every
ladder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from escalera.ladder.epochs import unfrozen_from
from escalera.ladder.schema import Cnn, Cosine, Linear, RungConfig, Section

Why = Literal["without", "beside", "twice", "warmup", "frozen"]


class Idle(NamedTuple):
    """A remark: `values` are what the sentence of its `why` holds."""

    why: Why
    values: dict[str, str]


def idle(config: RungConfig) -> list[Idle]:
    """All that is to be said of the settings of a rung."""
    return [*_of_data(config), *_of_the_model(config), *_of_the_training(config)]


def _of_data(config: RungConfig) -> Iterator[Idle]:
    data, augment = config.data, config.augment
    if _given(data, "resize") and data.image_size is None:
        yield _without("data.resize", "data.image_size")
    if _given(data, "rare_classes") and data.group is not None:
        yield _beside("data.rare_classes", "data.group")
    if _given(augment, "fill") and not (augment.rotation or augment.shift or augment.zoom):
        yield _without("augment.fill", "augment.rotation, augment.shift, augment.zoom")
    if _given(augment, "magnitude") and not augment.random_ops:
        yield _without("augment.magnitude", "augment.random_ops")


def _of_the_model(config: RungConfig) -> Iterator[Idle]:
    model = config.model
    if not model.trains:
        if config.evaluate.tta != "none":
            yield _beside("evaluate.tta", f"model.kind: {model.kind}")
        return
    for key in ("batch_norm", "activation"):
        if _given(model.net.head, key) and not model.net.head.dense:
            yield _without(f"model.head.{key}", "model.head.dense")
    for name, part in model.parts.items():
        if not isinstance(part, Cnn):
            continue
        above = f"model.{model.key_of(name, '')}"
        if part.norm is not None and _each(part.batch_norm) == {"none"}:
            yield _without(f"{above}norm", f"{above}batch_norm")
        if part.order == "pool_first" and "before_pool" in _each(part.dropout_place):
            yield _beside(f"{above}dropout_place", f"{above}order: pool_first")


def _of_the_training(config: RungConfig) -> Iterator[Idle]:
    train = config.train
    if not config.model.trains:
        return
    if train.class_weights == "balanced" and train.sampler == "balanced":
        yield Idle("twice", {})
    ends = {"epochs": str(train.epochs)}
    if isinstance(train.schedule, Cosine | Linear) and train.schedule.warmup >= train.epochs:
        yield Idle("warmup", {**ends, "warmup": f"{train.schedule.warmup:g}"})
    begins = unfrozen_from(config.model)
    if begins is not None and begins > train.epochs:
        yield Idle("frozen", {**ends, "from_epoch": str(begins)})


def _without(setting: str, other: str) -> Idle:
    return Idle("without", {"setting": setting, "other": other})


def _beside(setting: str, other: str) -> Idle:
    return Idle("beside", {"setting": setting, "other": other})


def _given(section: Section, key: str) -> bool:
    """Whether a setting is another one than its default."""
    return bool(getattr(section, key) != type(section).model_fields[key].default)


def _each(value: str | Sequence[str]) -> set[str]:
    """Those of all blocks, of which one may stand for all."""
    return {value} if isinstance(value, str) else {*value}
