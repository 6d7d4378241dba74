"""Weights and training state on disk: safetensors and JSON, nothing that executes.

`last/state.json` names the file that holds the tensors, and its SHA-256. It is renamed into place after that file is
whole, so that at every moment the folder holds one complete checkpoint.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from escalera.errors import RunError
from escalera.models.transfer import differences
from escalera.rundir import CURE, read_json, write_aside, write_json
from escalera.train.loop import Callback, Training


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's weights; the old file stays whole until the new one is."""
    write_tensors(path, network.state_dict())


def load_weights(network: nn.Module, path: Path) -> None:
    """Read weights into a network of the same layers; raises RunError naming what differs."""
    _load(network, read_tensors(path), path)


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> str:
    """Write named tensors as safetensors and return the SHA-256 of the file."""
    # safetensors stores contiguous tensors; channels-last ones get their layout back when they are loaded.
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    write_aside(path, lambda file: file.write(content))
    return hashlib.sha256(content).hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Named tensors from a safetensors file; raises RunError for one that is absent or damaged."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"could not read {path}: {error}. {CURE}") from error


class LastCheckpoint(Callback):
    """Keeps in `folder` all that an exact resume needs, as of the last whole epoch.

    `parts` are the callbacks with a state of their own: what `state()` gives is handed to `restore()` on resume.
    """

    def __init__(self, folder: Path, parts: dict[str, Any]) -> None:
        self.folder = folder
        self.parts = parts

    def on_epoch_end(self, training: Training) -> None:
        """Write the tensors, then the state that names them, then drop the tensors of the epoch before."""
        name = f"epoch-{training.epoch}.safetensors"
        tensors = {f"network.{key}": value for key, value in training.network.state_dict().items()}
        if training.average is not None:
            tensors |= {f"average.{key}": value for key, value in training.average.state_dict().items()}
        tensors |= _optimizer_tensors(training.optimizer)
        sha256 = write_tensors(self.folder / name, tensors)
        state = {
            "epoch": training.epoch,
            "tensors": name,
            "sha256": sha256,
            "stop": training.stop,
            "seconds": training.seconds,
            "images_per_second": training.images_per_second,
            "parts": {key: part.state() for key, part in self.parts.items()},
        }
        write_json(self.folder / "state.json", state)
        for old in self.folder.glob("epoch-*.safetensors"):
            if old.name != name:
                old.unlink()

    def resume(self, training: Training) -> bool:
        """Put the saved state back; False when there is none. Raises RunError for a damaged checkpoint."""
        if not (self.folder / "state.json").exists():
            return False
        state = read_json(self.folder / "state.json")
        path = self.folder / state["tensors"]
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != state["sha256"]:
            raise RunError(f"{path} is damaged: its SHA-256 is not the recorded one. Run the rung again with --fresh.")
        tensors = read_tensors(path)
        _load(training.network, _below("network.", tensors), path)
        if training.average is not None:
            training.average.load_state_dict(_below("average.", tensors))
        _restore_optimizer(training.optimizer, tensors)
        training.epoch, training.stop = state["epoch"], state["stop"]
        training.seconds, training.images_per_second = state["seconds"], state["images_per_second"]
        for key, part in self.parts.items():
            part.restore(state["parts"][key])
        return True


def _load(network: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    wanted = network.state_dict()
    misfit = differences(wanted, tensors)
    if misfit:
        output = list(wanted)[-2:]  # the last layer of the head
        rest, others = ({key: value for key, value in of.items() if key not in output} for of in (wanted, tensors))
        if set(output) <= set(tensors) and not differences(rest, others):
            misfit = f"its head is for {len(tensors[output[-1]])} classes, and {len(wanted[output[-1]])} are expected"
        raise RunError(
            f"{path} holds the weights of another network: {misfit}. If the data have changed since it was trained, "
            "train it again with --fresh."
        )
    network.load_state_dict(tensors)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    # Every state that our optimisers keep is a tensor: exp_avg, exp_avg_sq, step, momentum_buffer.
    return {
        f"optimizer.{index}.{name}": value
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
        if value is not None
    }


def _restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, value in tensors.items():
        if not key.startswith("optimizer."):
            continue
        _, index, name = key.split(".", 2)
        parameter = parameters[int(index)]
        # The fused kernels take for granted that the moments lie in memory as the parameter does (channels last).
        own = torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value.to(parameter.device)
        optimizer.state[parameter][name] = own.detach()
