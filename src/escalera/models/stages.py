"""The stages of a body, from the input to the head: what learns at one rate where the rate decays by depth."""

from __future__ import annotations

from typing import Any

from torch import nn

from escalera.models.backbone import Backbone
from escalera.models.fusion import Fusion


def stages(body: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of each stage: as timm groups those of its networks, else of each layer with weights.

    The branches of a fusion end at the same head: the last stages of all are one, those before them one, and so on.
    """
    if isinstance(body, Fusion):
        each = [stages(branch.body)[::-1] for branch in body.parts()]
        deepest = max(map(len, each))
        return [
            [one for own in each for one in (own[step] if step < len(own) else [])] for step in reversed(range(deepest))
        ]
    if isinstance(body, Backbone) and hasattr(body.net, "group_matcher"):
        return _of_timm(body.net)
    found = ([*layer.parameters(recurse=False)] for layer in body.modules())
    return [own for own in found if own]


def _of_timm(net: Any) -> list[list[nn.Parameter]]:
    """By timm's own groups, as its `layer_decay` has them, coarse: a stage and not a block of it."""
    from timm.models import group_parameters

    named = dict(net.named_parameters())
    groups: dict[int, list[nn.Parameter]] = {}
    for name, group in group_parameters(net, net.group_matcher(coarse=True), reverse=True).items():
        groups.setdefault(int(group), []).append(named[name])
    return [groups[number] for number in sorted(groups)]
