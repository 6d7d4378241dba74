"""The sources known by name: where each is on the hub, its columns, its shape (H, W, C) and its classes in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class KnownSource:
    """A public image set. `hub` is None for one that comes with a library; `shape` is (H, W, C).

    `train` and `test` are its pictures as published; `test` is 0 for a set without a split of its own. `groups` is the
    column of the super-classes, where the set has them, and `group_names` what its numbers mean.
    """

    hub: str | None
    image: str
    label: str
    shape: tuple[int, int, Literal[1, 3]]
    classes: tuple[str, ...]
    train: int
    test: int
    groups: str | None = None
    group_names: tuple[str, ...] = ()


_DIGITS = tuple("0123456789")

# https://huggingface.co/datasets/zalando-datasets/fashion_mnist: the names as the hub writes them.
_FASHION = (
    "T - shirt / top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip

# https://www.cs.toronto.edu/~kriz/cifar.html: batches.meta, label_names.
_CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# https://www.cs.toronto.edu/~kriz/cifar.html: meta, fine_label_names.
_CIFAR100 = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
    "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
    "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
    "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
    "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain",
    "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree",
    "plain", "plate", "poppy", "porcupine", "possum", "rabbit", "raccoon", "ray", "road", "rocket",
    "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail", "snake", "spider",
    "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank", "telephone", "television", "tiger",
    "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow_tree", "wolf", "woman", "worm",
)  # fmt: skip

# https://www.cs.toronto.edu/~kriz/cifar.html: meta, coarse_label_names.
_CIFAR100_GROUPS = (
    "aquatic mammals", "fish", "flowers", "food containers", "fruit and vegetables", "household electrical devices",
    "household furniture", "insects", "large carnivores", "large man-made outdoor things",
    "large natural outdoor scenes", "large omnivores and herbivores", "medium mammals", "non-insect invertebrates",
    "people", "reptiles", "small mammals", "trees", "vehicles 1", "vehicles 2",
)  # fmt: skip

KNOWN: dict[str, KnownSource] = {
    # sklearn.datasets.load_digits: 1,797 digits written by 43 people, no test split.
    "digits": KnownSource(None, "image", "label", (8, 8, 1), _DIGITS, 1_797, 0),
    "mnist": KnownSource("ylecun/mnist", "image", "label", (28, 28, 1), _DIGITS, 60_000, 10_000),
    "fashion_mnist": KnownSource(
        "zalando-datasets/fashion_mnist", "image", "label", (28, 28, 1), _FASHION, 60_000, 10_000
    ),
    "cifar10": KnownSource("uoft-cs/cifar10", "img", "label", (32, 32, 3), _CIFAR10, 50_000, 10_000),
    "cifar100": KnownSource(
        "uoft-cs/cifar100",
        "img",
        "fine_label",
        (32, 32, 3),
        _CIFAR100,
        50_000,
        10_000,
        "coarse_label",
        _CIFAR100_GROUPS,
    ),
}


def native_shape(name: str) -> tuple[int, int, int] | None:
    """(H, W, C) of a known source as published, so that a network can be checked before any data are opened."""
    return KNOWN[name].shape if name in KNOWN else None
