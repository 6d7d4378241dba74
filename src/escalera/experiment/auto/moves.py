"""The catalogue of known moves: what may be done to a rung, when it makes sense, and why somebody would.

A move is a function from the ground and the configuration so far to a change, or None where it does not apply. Another
move is another function in MOVES, with its reason in both languages in `messages/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from escalera.experiment.auto.ground import Ground
from escalera.experiment.auto.uneven import class_weights, metric, sampler

Config = Mapping[str, Any]
"""A resolved configuration as plain JSON values."""
Change = dict[str, Any]
Move = Callable[[Ground, Config], Change | None]

PRETRAINED = 224
"""Pixels a side that most networks of ImageNet were trained with."""
SMALLEST = 48
"""The shorter side of pictures from which on a pretrained body sees more than blots."""
HEAD_EPOCHS = 30
"""Epochs of a head on features that are computed once."""
TUNING_EPOCHS = 3
"""Epochs of a whole pretrained network, which begins near its end."""
_WIDEST = 512
LEAST = 0.1
"""The share of validation that the last rung keeps."""


def first(ground: Ground, epochs: int) -> dict[str, Any]:
    """The cheapest honest beginning: a small dense network, over the table where there is one, else over the pixels."""
    model: dict[str, Any]
    if ground.attributes:
        model = {"kind": "table", "dense": [64, 32], "dropout": 0.2}
    else:
        model = {"kind": "mlp", "dense": [64]}
    stopping = {"monitor": "val_loss", "patience": 10, "restore_best": True}
    train = {
        "epochs": epochs,
        "batch_size": ground.batch,
        "optimizer": {"name": "adam", "lr": 1e-3},
        "early_stopping": stopping,
    }
    evaluate = {"evaluate": {"metric": metric(ground)}} if ground.uneven else {}
    return {"model": model, "train": train, **evaluate}


def convolutions(ground: Ground, config: Config) -> Change | None:
    """A small convolutional network in the place of a dense one."""
    if config["model"]["kind"] != "mlp":
        return None
    side = min(ground.shape[1:])
    # The first maps of large pictures take most of the time.
    narrow = 32 if side <= 32 else 16
    blocks = [[narrow]]
    while side // 2 ** len(blocks) >= 4 and len(blocks) < 4:
        blocks.append([narrow * 2 ** len(blocks)])
    return {"model": {"kind": "cnn", "blocks": blocks, "head": {"pool": "average" if side > 32 else "flatten"}}}


def pretrained(ground: Ground, config: Config) -> Change | None:
    """The body of a network that knows ImageNet, as it is, under a new head."""
    if not ground.bodies or ground.native < SMALLEST or config["model"]["kind"] not in ("mlp", "cnn"):
        return None
    body = {"kind": "backbone", "name": ground.bodies[0], "weights": "imagenet", "trainable": "none"}
    return {
        "data.image_size": PRETRAINED,
        "data.channels": 3,
        "data.normalize": None,
        "augment": {},
        "model": {**body, "head": {"pool": "average", "dropout": 0.2}},
        "train.optimizer.lr": 3e-3,
        # An epoch of a head alone takes a moment.
        "train.epochs": max(HEAD_EPOCHS, config.get("train", {}).get("epochs", 0)),
    }


def tuned(ground: Ground, config: Config) -> Change | None:
    """The whole of a pretrained network learns, its body slowly."""
    model = config["model"]
    if model["kind"] != "backbone" or model["trainable"] != "none":
        return None
    return {
        "model.trainable": "all",
        "train.batch_size": 32,
        "train.optimizer": {"name": "adamw", "lr": 1e-3, "backbone_lr": 1e-4, "weight_decay": 0.05},
        "train.schedule": {"name": "cosine", "warmup": 0.3},
        "train.epochs": TUNING_EPOCHS,
        "train.early_stopping": None,
        **({"augment.horizontal_flip": True} if ground.mirror else {}),
    }


def batch_norm(ground: Ground, config: Config) -> Change | None:
    """Batch norm after every convolution, or layer."""
    model = config["model"]
    if model["kind"] == "cnn" and model["batch_norm"] == "none":
        return {"model.batch_norm": "conv"}
    if model["kind"] in ("mlp", "table") and not model["batch_norm"]:
        return {"model.batch_norm": True}
    return None


def deeper(ground: Ground, config: Config) -> Change | None:
    """A second convolution in each block, or one layer more."""
    model = config["model"]
    if model["kind"] == "cnn" and max(map(len, model["blocks"])) < 3:
        return {"model.blocks": [[*block, block[-1]] for block in model["blocks"]]}
    if model["kind"] in ("mlp", "table") and len(model["dense"]) < 3:
        return {"model.dense": [2 * model["dense"][0], *model["dense"]]}
    return None


def wider(ground: Ground, config: Config) -> Change | None:
    """Twice as many channels, or units."""
    model = config["model"]
    if model["kind"] == "cnn" and max(width for block in model["blocks"] for width in block) < _WIDEST:
        return {"model.blocks": [[2 * width for width in block] for block in model["blocks"]]}
    if model["kind"] in ("mlp", "table") and max(model["dense"]) < _WIDEST:
        return {"model.dense": [2 * width for width in model["dense"]]}
    return None


def augmentation(ground: Ground, config: Config) -> Change | None:
    """Every epoch shows the pictures a little otherwise; mirrored only where that makes sense."""
    if not _pictures(config) or any(config["augment"][key] for key in ("shift", "zoom", "rotation")):
        return None
    mirror = {"horizontal_flip": True} if ground.mirror else {"rotation": 8}
    return {"augment": {"shift": 0.06, "zoom": 0.06 if min(ground.shape[1:]) < 32 else 0.1, **mirror}}


def erasing(ground: Ground, config: Config) -> Change | None:
    """A rectangle of one picture in four is blotted out."""
    if not _pictures(config) or config["augment"]["erasing"] or min(ground.shape[1:]) < 16:
        return None
    return {"augment.erasing": 0.25}


def mixup(ground: Ground, config: Config) -> Change | None:
    """Pictures and their labels are blended two by two."""
    if not _pictures(config) or config["augment"]["mixup"] or config["model"]["kind"] == "fusion":
        return None
    return {"augment.mixup": 0.2}


def dropout(ground: Ground, config: Config) -> Change | None:
    """Random parts of the network are missing at each step."""
    model = config["model"]
    if model["kind"] == "cnn" and not model["dropout"]:
        return {"model.dropout": 0.1, "model.head.dropout": 0.3}
    if model["kind"] in ("mlp", "table") and model["dropout"] in (0.0, 0.2):
        return {"model.dropout": 0.4 if model["dropout"] else 0.3}
    return None


def schedule(ground: Ground, config: Config) -> Change | None:
    """A learning rate that rises to three times the height and falls to nothing."""
    if config["train"]["schedule"]["name"] != "constant":
        return None
    return {
        "train.schedule": {"name": "one_cycle"},
        "train.optimizer.lr": round(3 * config["train"]["optimizer"]["lr"], 6),
        # The best epochs are the last ones, where the steps are short.
        "train.early_stopping": None,
    }


def faster(ground: Ground, config: Config) -> Change | None:
    """Three times the learning rate."""
    rate = config["train"]["optimizer"]["lr"]
    return {"train.optimizer.lr": round(3 * rate, 6)} if rate < 1e-2 else None


def slower(ground: Ground, config: Config) -> Change | None:
    """A third of the learning rate."""
    rate = config["train"]["optimizer"]["lr"]
    return {"train.optimizer.lr": round(rate / 3, 6)} if rate > 3e-4 else None


def weight_decay(ground: Ground, config: Config) -> Change | None:
    """Weights that nobody needs shrink at each step."""
    optimizer = config["train"]["optimizer"]
    if optimizer["name"] != "adam":
        return None
    return {"train.optimizer": {"name": "adamw", "lr": optimizer["lr"], "weight_decay": 0.05}}


def smoothing(ground: Ground, config: Config) -> Change | None:
    """Labels that ask for nine tenths of certainty, and not for all of it."""
    return None if config["train"]["label_smoothing"] else {"train.label_smoothing": 0.1}


def average(ground: Ground, config: Config) -> Change | None:
    """The run stands by a running average of its weights."""
    if config["train"]["ema"] is not None or not _learns(config):
        return None
    steps = max(1, ground.train // config["train"]["batch_size"])
    return {"train.ema": round(min(0.999, max(0.9, 1 - 1 / (2 * steps))), 4)}


def views(ground: Ground, config: Config) -> Change | None:
    """Each picture is asked about twice, once in the mirror."""
    if not ground.mirror or not _pictures(config) or config["evaluate"]["tta"] != "none":
        return None
    return {"evaluate.tta": "flip"}


def photos(ground: Ground, config: Config) -> Change | None:
    """The pictures beside the table."""
    if config["model"]["kind"] != "table" or not ground.pictures:
        return None
    table = {key: config["model"][key] for key in ("kind", "dense", "dropout", "batch_norm")}
    small = {"kind": "cnn", "blocks": [[16], [32], [64]], "batch_norm": "conv", "head": {"pool": "average"}}
    return {"model": {"kind": "fusion", "branches": {"table": table, "photos": small}, "head": {"dropout": 0.3}}}


def votes(ground: Ground, config: Config) -> Change | None:
    """Five classical classifiers vote on what the network has found."""
    if config["model"]["kind"] not in ("cnn", "mlp", "table", "backbone"):
        return None
    return {"model": {"kind": "votes", "features": PARENT, "weighting": "validation"}}


def final(epochs: int, validation: float | None) -> Change:
    """The last rung, trained to its end: a rate that falls to nothing, and nobody who stops it before that.

    A share of `validation` that was cut from train for choosing is learned from, but for what shows that all is well.
    """
    more = {} if validation is None or validation <= LEAST else {"data.validation": LEAST}
    return {
        **more,
        "train.epochs": epochs,
        "train.schedule": {"name": "cosine", "warmup": min(2, epochs // 4)},
        "train.early_stopping": None,
    }


PARENT: Any = {"from": "<parent>"}
"""Stands for the rung that a move starts from."""

MOVES: dict[str, Move] = {
    "convolutions": convolutions,
    "pretrained": pretrained,
    "class-weights": class_weights,
    "sampler": sampler,
    "schedule": schedule,
    "batch-norm": batch_norm,
    "tuned": tuned,
    "deeper": deeper,
    "augmentation": augmentation,
    "wider": wider,
    "photos": photos,
    "dropout": dropout,
    "faster": faster,
    "slower": slower,
    "weight-decay": weight_decay,
    "smoothing": smoothing,
    "erasing": erasing,
    "average": average,
    "mixup": mixup,
    "views": views,
    "votes": votes,
}
"""In the order in which they are tried: what has helped most, most often, comes first."""
LAST = "votes"
"""Nothing can be changed below it any more: it is tried when nothing else is left."""
AGAIN = ("deeper", "wider", "faster", "slower")
"""Those that may be done again once they have helped."""


def _pictures(config: Config) -> bool:
    """Whether a network learns from pictures that differ from epoch to epoch."""
    return config["model"]["kind"] in ("mlp", "cnn", "fusion") or (
        config["model"]["kind"] == "backbone" and config["model"]["trainable"] != "none"
    )


def _learns(config: Config) -> bool:
    return not (config["model"]["kind"] == "backbone" and config["model"]["trainable"] == "none")
