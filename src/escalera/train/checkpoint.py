"""Weights and training state on disk: safetensors and JSON, nothing that executes.

`last/state.json` names the files that hold the tensors, and their SHA-256. It is renamed into place after these are
whole, so that at every moment the folder holds one complete checkpoint; `last/before.json` is an earlier one, in case
the last one is damaged.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from escalera.core.errors import RunError
from escalera.core.files import CURE, DAMAGED, read_sealed, sha256, sync_file, write_aside, write_sealed
from escalera.models.transfer import differences
from escalera.train.loop import Callback, Training

WRITE_EVERY = 1.0
"""Seconds from one checkpoint to the next at the least: small networks have ten epochs in that time."""


def save_weights(network: nn.Module, path: Path, *, sync: bool = True) -> str:
    """Write a network's weights and return the file's SHA-256; the old file stays whole until the new one is."""
    return write_tensors(path, network.state_dict(), sync=sync)


def load_weights(network: nn.Module, path: Path) -> None:
    """Read weights into a network of the same layers; raises RunError naming what differs."""
    _load(network, read_tensors(path), path)


def write_tensors(path: Path, tensors: dict[str, Tensor], *, sync: bool = True) -> str:
    """Write named tensors as safetensors and return the SHA-256 of the file."""
    # safetensors stores contiguous tensors; channels-last ones get their layout back when they are loaded.
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    write_aside(path, lambda file: file.write(content), sync=sync)
    return hashlib.sha256(content).hexdigest()


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Named tensors from a safetensors file; raises RunError for one that is absent or damaged."""
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise RunError(f"could not read {path}: {error}. {CURE}") from error


@dataclass(frozen=True)
class Checkpoint:
    """The state that a training can go on from, None where there is none; `faults` are those of later ones."""

    state: dict[str, Any] | None
    faults: list[str]


LAST, BEFORE = "state.json", "before.json"


def find_checkpoint(folder: Path) -> Checkpoint:
    """The last whole checkpoint in a folder, and what is wrong with a later one."""
    faults: list[str] = []
    for name in (LAST, BEFORE):
        if not (folder / name).exists():
            continue
        try:
            return Checkpoint(_read_state(folder / name), faults)
        except RunError as error:
            faults.append(str(error).removesuffix(f". {CURE}"))
    return Checkpoint(None, faults)


def _read_state(path: Path) -> dict[str, Any]:
    """A state whose files are whole; raises RunError for one that cannot be gone on from."""
    state = read_sealed(path)
    for name, known_as in state.get("files", {"its list of files": ""}).items():
        try:
            whole = sha256(path.parent / name) == known_as
        except OSError as error:
            raise RunError(f"{path.parent / name} cannot be read ({error.strerror})") from error
        if not whole:
            raise RunError(f"{path.parent / name} {DAMAGED}")
    return state


class LastCheckpoint(Callback):
    """Keeps in `folder` all that an exact resume needs, as of a whole epoch, and as of an earlier one.

    The last epoch is always kept, and of the others no more than one a second, so that a run that is ended repeats a
    second at the most. `parts` are the callbacks with a state of their own: what `state()` gives is handed to
    `restore()` on resume. What stands under `files` there are files in the same folder, by name and SHA-256.
    """

    def __init__(self, folder: Path, parts: dict[str, Any]) -> None:
        self.folder = folder
        self.parts = parts
        self.state: dict[str, Any] | None = None
        self.before: dict[str, Any] | None = None
        self.written = -math.inf

    def on_epoch_end(self, training: Training) -> None:
        """Write the tensors, then the state that names them, then drop those that neither state names."""
        goes_on = training.epoch < training.epochs and not training.stop and not training.paused
        if goes_on and time.monotonic() - self.written < WRITE_EVERY:
            return
        name = f"epoch-{training.epoch}.safetensors"
        tensors = {f"network.{key}": value for key, value in training.network.state_dict().items()}
        if training.average is not None:
            tensors |= {f"average.{key}": value for key, value in training.average.state_dict().items()}
        tensors |= _optimizer_tensors(training.optimizer)
        files = {name: write_tensors(self.folder / name, tensors)}
        parts = {key: part.state() for key, part in self.parts.items()}
        for part in parts.values():
            for file, known_as in part.get("files", {}).items():
                sync_file(self.folder / file)
                files[file] = known_as
        state = {
            "epoch": training.epoch,
            "tensors": name,
            "files": files,
            "stop": training.stop,
            "seconds": training.seconds,
            "images_per_second": training.images_per_second,
            "parts": parts,
        }
        if self.state is not None:
            (self.folder / LAST).replace(self.folder / BEFORE)
            self.before = self.state
        write_sealed(self.folder / LAST, state)
        self.state, self.written = state, time.monotonic()
        _keep(self.folder, {*files, *(self.before["files"] if self.before else ())})

    def resume(self, training: Training) -> Checkpoint:
        """Put the last whole state back, and say which that is.

        Raises RunError where there was one and none is whole, or it is that of another network.
        """
        found = find_checkpoint(self.folder)
        if found.state is None:
            if found.faults:
                raise RunError(f"{'; '.join(found.faults)}. {CURE}")
            return found
        state = found.state
        path = self.folder / state["tensors"]
        tensors = read_tensors(path)
        _load(training.network, _below("network.", tensors), path)
        if training.average is not None:
            training.average.load_state_dict(_below("average.", tensors))
        _restore_optimizer(training.optimizer, tensors)
        training.epoch, training.stop = state["epoch"], state["stop"]
        training.seconds, training.images_per_second = state["seconds"], state["images_per_second"]
        for key, part in self.parts.items():
            part.restore(state["parts"].get(key))  # None where an earlier version had no such part
        for path in [path for path in self.folder.iterdir() if path.is_dir()]:
            path.rename(path.with_name(f"{path.name}.folder"))  # no file can be written in its place
        if found.faults or not (self.folder / LAST).is_file():
            write_sealed(self.folder / LAST, state)
        self.state = state
        return found


def tidy(folder: Path) -> None:
    """Keep the last state alone, once the training is over and its weights are in a place of their own."""
    try:
        state = _read_state(folder / LAST)
    except RunError:
        return  # what is damaged is told when somebody needs it
    own = {name: known_as for name, known_as in state["files"].items() if name == state["tensors"]}
    if own != state["files"]:
        parts = {key: {**part, "files": {}} if "files" in part else part for key, part in state["parts"].items()}
        write_sealed(folder / LAST, {**state, "files": own, "parts": parts})
    (folder / BEFORE).unlink(missing_ok=True)
    _keep(folder, own)


def _keep(folder: Path, names: Iterable[str]) -> None:
    """Drop the tensors in other files."""
    kept = set(names)
    for path in folder.glob("*.safetensors"):
        if path.name not in kept:
            path.unlink()


def _load(network: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    wanted = network.state_dict()
    misfit = differences(wanted, tensors)
    if misfit:
        last = list(wanted)[-1].rpartition(".")[0]  # the last layer of the head
        output = [key for key in wanted if key.rpartition(".")[0] == last]
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
