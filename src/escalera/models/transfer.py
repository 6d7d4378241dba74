"""The weights of a body from elsewhere: out of another run, or out of a file as timm names its tensors."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from escalera.core.errors import EscaleraError
from escalera.models.backbone import Backbone

_SHOWN = 3
"""Differences that a message lists; the rest is counted."""


def read_body(path: Path) -> dict[str, Tensor]:
    """The named tensors of a body: those below `body.` in the file of a run, else all that there are.

    Raises EscaleraError for a file that is absent or no safetensors file.
    """
    if not path.is_file():
        raise EscaleraError(f"expected a file of weights, but there is none at {path}. Look at model.weights.")
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise EscaleraError(
            f"{path} cannot be read: expected a whole .safetensors file ({error}). Look at model.weights."
        ) from error
    body = {name.removeprefix("body."): tensor for name, tensor in tensors.items() if name.startswith("body.")}
    return body or dict(tensors)


def load_body(body: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Put tensors into a body of the same layers; a first kernel of 1 or 3 channels is adapted to 3 or 1.

    What a backbone was cut off may be in `tensors` too. Raises EscaleraError, naming `origin`, with the names and
    shapes that differ.
    """
    spare: Collection[str] = ()
    if isinstance(body, Backbone):
        tensors = {name if name.startswith("net.") else f"net.{name}": tensor for name, tensor in tensors.items()}
        spare = _whole(body)
    wanted = body.state_dict()
    found = _adapted(wanted, dict(tensors))
    misfit = differences(wanted, found, spare)
    if misfit:
        raise another_network(origin, misfit)
    # On the meta device this only asks whether they fit.
    body.load_state_dict({name: found[name].to(tensor.device) for name, tensor in wanted.items()})


def another_network(origin: str, misfit: str) -> EscaleraError:
    """The error of a file, `origin`, whose tensors differ from those that were expected."""
    return EscaleraError(
        f"{origin} holds the weights of another network: {misfit}. "
        "Take weights of the same network, or describe the network that they belong to."
    )


def differences(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor], spare: Collection[str] = ()) -> str:
    """The names and shapes in which two sets of tensors differ, the first few and a count; "" where they agree.

    Those of `found` that are `spare` do not count.
    """
    lines = [
        *(f"{name} {list(wanted[name].shape)} is absent" for name in wanted if name not in found),
        *(
            f"{name} is {list(found[name].shape)} where {list(wanted[name].shape)} was expected"
            for name in wanted
            if name in found and found[name].shape != wanted[name].shape
        ),
        *(
            f"{name} {list(found[name].shape)} has no place"
            for name in found
            if name not in wanted and name not in spare and not name.startswith("net.AuxLogits.")
        ),
    ]
    more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return "; ".join(lines[:_SHOWN]) + more


def _adapted(wanted: Mapping[str, Tensor], found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Grey to colour: a third of the first kernel for each channel; colour to grey: its sum. The scale stays."""
    name = next((name for name, tensor in wanted.items() if tensor.ndim == 4), None)
    if name is None or name not in found or found[name].ndim != 4:
        return found
    have, want = found[name].shape[1], wanted[name].shape[1]
    if (have, want) == (1, 3):
        found[name] = found[name].expand(-1, 3, -1, -1) / 3
    elif (have, want) == (3, 1):
        found[name] = found[name].sum(1, keepdim=True)
    return found


def _whole(body: Backbone) -> set[str]:
    """The names of all tensors that the uncut network has, its classifier included."""
    import timm

    with torch.device("meta"):
        net = timm.create_model(body.net.pretrained_cfg["architecture"])
    return {f"net.{name}" for name in net.state_dict()}
