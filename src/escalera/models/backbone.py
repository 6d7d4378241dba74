"""`backbone`: any network of timm, whole or cut after one of its stages.

images (N, C, H, W) in [0, 1], C 1 or 3 -> feature map (N, C', H', W')
"""

from __future__ import annotations

import difflib
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from escalera.core.errors import ModelError, nearest

INCEPTION_SIDE = 75
"""Pixels: the convolutions of the Inception networks are not padded, and leave nothing of a smaller picture."""

_THEIRS = (RuntimeError, AssertionError, ValueError, AttributeError, TypeError, IndexError, KeyError)
"""What the networks of timm raise when they do not like what they are asked for."""


class Way(NamedTuple):
    """How a network is asked for its features: for its last map, for that of a stage, or for what it pools itself.

    `stage` is timm's number of an intermediate map, `norm` whether the network's last norm is laid over it.
    """

    stage: int | None = None
    norm: bool = True
    pooled: bool = False


class Backbone(nn.Module):
    """A network of timm without its classifier.

    It normalises its pictures as timm's weights expect them, whatever its own come from, so that two runs that differ
    in their weights differ in nothing else; a grey picture becomes three equal channels. `way` is how it is asked.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: Any, way: Way) -> None:
        super().__init__()
        self.net = net
        self.way = way
        # Not persistent: constants of the architecture, neither saved nor counted as parameters.
        for name, values in (("mean", net.pretrained_cfg["mean"]), ("deviation", net.pretrained_cfg["std"])):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(N, 1 or 3, H, W) -> (N, C', H', W')."""
        # A grey picture becomes three channels by the mean's; to expand it has a size that an exported graph must know.
        colours = (images - self.mean) / self.deviation
        if self.way.stage is not None:
            maps: list[Tensor] = self.net.forward_intermediates(
                colours,
                indices=[self.way.stage],
                norm=self.way.norm,
                stop_early=True,
                output_fmt="NCHW",
                intermediates_only=True,
            )
            return maps[0]
        features: Tensor = self.net(colours) if self.way.pooled else self.net.forward_features(colours)
        return features[:, :, None, None] if self.way.pooled else features


def backbone(
    image_shape: tuple[int, int, int], name: str, *, until: str | None = None
) -> tuple[Backbone, tuple[int, int, int]]:
    """The body with random weights, and the shape (C', H', W') of its feature map; `until` names its last stage.

    Raises ModelError for an unknown name or stage, and for pictures that are too small.
    """
    _, height, width = image_shape
    # A VGG's dense layers, 120 million weights, would be made only to be taken away again.
    net = create(name, (height, width), **({"mlp_ratio": 1 / 4096} if name.startswith("vgg") else {}))
    known = stages(net)
    if until is not None and until not in known:
        raise ModelError(
            f"the network '{name}' has no stage '{until}'; it can be cut after {', '.join(known) or 'none'}", "until"
        )
    _check_size(net, name, until, height, width)
    ways = _ways(net, None if until is None else _cut(net, known[until]))
    body = Backbone(net, ways[0])
    faults = []
    for way in ways:
        body.way = way
        try:
            shape = _probe(body, image_shape)
        except _THEIRS as error:
            faults.append(str(error).rstrip("."))
            continue
        # Transformers answer with tokens, or with the channels last: then they are asked otherwise.
        if len(shape) == 3 and (way != Way() or until is not None or shape[0] == net.num_features):
            _strip(body, image_shape)
            return body, (shape[0], shape[1], shape[2])
    why = faults[0] if faults else "it gives no map of features"
    raise ModelError(
        f"the network '{name}' does not take pictures of {height}x{width}: {why}. Change data.image_size.", "name"
    )


def check_name(name: str) -> None:
    """Raise ModelError for the name of a network that timm does not have."""
    import timm

    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=3, cutoff=0.6)
        guess = f"did you mean {' or '.join(map(repr, close))}?" if close else "timm.list_models() lists those it has"
        raise ModelError(f"unknown network '{name}' of timm; {guess}", "name")


def create(name: str, size: tuple[int, int], **more: Any) -> Any:
    """timm's network of that name for pictures of a size (H, W), without its classifier, of which `more` may give one.

    Raises ModelError for an unknown name.
    """
    import timm

    check_name(name)
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:  # a tag that it has not
        known = timm.list_pretrained(f"{name.split('.')[0]}.*")
        raise ModelError(f"unknown weights '{name}' of timm; {nearest(name, known)}", "name") from None
    if config is not None and config.fixed_input_size:
        more["img_size"] = size
    more = {"num_classes": 0, **more}
    try:
        try:
            return timm.create_model(name, **{"global_pool": "", **more})
        except _THEIRS:  # some cannot be without the pooling they have
            return timm.create_model(name, **more)
    except _THEIRS as error:
        raise ModelError(
            f"the network '{name}' cannot be made for pictures of {size[0]}x{size[1]}: {str(error).rstrip('.')}. "
            "Change data.image_size.",
            "name",
        ) from error


def stages(net: Any) -> dict[str, int]:
    """The names of the stages after which a network of timm can be cut, and timm's number of each.

    A block of a VGG ends with its pooling; there the number is that of the layer after it.
    """
    if _is_vgg(net):
        ends = [number for number, layer in enumerate(net.features, start=1) if isinstance(layer, nn.MaxPool2d)]
        return {f"block{block}": end for block, end in enumerate(ends, start=1)}
    if not hasattr(net, "forward_intermediates"):
        return {}
    return {info["module"].removeprefix("features."): number for number, info in enumerate(net.feature_info)}


def _is_vgg(net: Any) -> bool:
    return type(net).__name__ == "VGG"


def _cut(net: Any, number: int) -> int | None:
    """Take away what comes after a stage; the number to ask timm for, None where what is left is the whole."""
    if _is_vgg(net):
        net.features = net.features[:number]
        return None
    net.prune_intermediate_layers([number], prune_norm=False, prune_head=True)
    return number


def _check_size(net: Any, name: str, until: str | None, height: int, width: int) -> None:
    if until is None:
        steps = [info["reduction"] for info in getattr(net, "feature_info", [])]
        least = INCEPTION_SIDE if name.startswith("inception") else max(steps, default=32)
    else:
        number = stages(net)[until]
        least = 2 ** int(until.removeprefix("block")) if _is_vgg(net) else net.feature_info[number]["reduction"]
    if min(height, width) < least:
        what = f"the network '{name}'" + (f" until {until}" if until else "")
        raise ModelError(
            f"{what} needs pictures of at least {least}x{least}, received {height}x{width}. "
            f"Write data.image_size: {least} or more.",
            "name",
        )


def _ways(net: Any, stage: int | None) -> list[Way]:
    """How a network may be asked, the best first: those that answer otherwise than most are found out by trying."""
    if stage is not None:
        return [Way(stage), Way(stage, norm=False)]
    if _is_vgg(net):
        return [Way()]
    last = len(net.feature_info) - 1 if hasattr(net, "forward_intermediates") else None
    return [Way(), *([Way(last), Way(last, norm=False)] if last is not None else []), Way(pooled=True)]


def _probe(body: Backbone, image_shape: tuple[int, int, int]) -> tuple[int, ...]:
    """The shape of what comes out for an empty picture."""
    was_training = body.training
    try:
        with torch.no_grad():
            return tuple(body.eval()(torch.zeros(1, *image_shape, device=body.mean.device)).shape[1:])
    finally:
        body.train(was_training)


def _strip(body: Backbone, image_shape: tuple[int, int, int]) -> None:
    """Remove what has weights and takes no part in the answer, such as a classifier."""
    used: set[nn.Module] = set()
    hooks = [m.register_forward_pre_hook(lambda module, _: used.add(module)) for m in body.modules()]
    _probe(body, image_shape)
    for hook in hooks:
        hook.remove()
    idle = {
        name: child
        for name, child in body.net.named_children()
        if any(True for _ in child.parameters()) and not any(module in used for module in child.modules())
    }
    for name in idle:
        setattr(body.net, name, nn.Identity())
    try:
        if idle:
            _probe(body, image_shape)
    except _THEIRS:  # called by another name than forward, as rotary embeddings are
        for name, child in idle.items():
            setattr(body.net, name, child)
