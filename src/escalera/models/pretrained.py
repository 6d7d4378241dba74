"""ImageNet weights from a folder or from the hub, where they are fetched once; timm itself hands them to a backbone."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import torch
from torch import Tensor

from escalera.core.errors import EscaleraError, ModelError
from escalera.core.hub import offline, unreachable
from escalera.core.weights_root import ROOT
from escalera.data.home import expanded
from escalera.models.backbone import create
from escalera.models.transfer import another_network, differences, read_body


def file_in_folder(name: str) -> Path | None:
    """The file of timm's weights for a network in the folder that ESCALERA_WEIGHTS names; None where it has none.

    It is called as timm calls the weights (`tf_efficientnet_lite0.in1k.safetensors`), or as the network alone.
    Raises EscaleraError where there is no such folder.
    """
    import timm

    folder = _folder()
    if folder is None:
        return None
    config = timm.get_pretrained_cfg(name)
    network = name.split(".")[0]
    tag = config.tag if config is not None else None
    files = (folder / f"{one}.safetensors" for one in ([f"{network}.{tag}"] if tag else []) + [network])
    return next((file for file in files if file.is_file()), None)


def at_hand() -> Path | None:
    """The smallest file of a network of timm's in the folder that ESCALERA_WEIGHTS names; None where there is none.

    Raises EscaleraError where there is no such folder.
    """
    import timm

    folder = _folder()
    files = sorted(folder.glob("*.safetensors"), key=lambda file: (file.stat().st_size, file.name)) if folder else []
    return next((file for file in files if timm.is_model(file.name.split(".")[0])), None)


def imagenet_file(name: str) -> Path:
    """The file of timm's weights for a network: from the folder of weights, this machine's cache of the hub or, with a
    bar, from the hub.

    Raises EscaleraError, within seconds, when it can be had from none of them, or arrives damaged.
    """
    import timm
    from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache

    if found := file_in_folder(name):
        return found
    config = timm.get_pretrained_cfg(name)
    repository = config.hf_hub_id if config is not None else None
    file = (config and config.hf_hub_filename) or "model.safetensors"
    if not repository:
        raise EscaleraError(
            f"the hub has no ImageNet weights for the network '{name}'. Take another network (escalera models lists "
            "them with their weights), or write model.weights: none."
        )
    cached = try_to_load_from_cache(repository, file)
    if isinstance(cached, str):
        return Path(cached)
    reason = "HF_HUB_OFFLINE is set" if offline() else unreachable(f"models/{repository}")
    if reason is None:
        try:
            path = Path(hf_hub_download(repository, file))
        except Exception as error:  # it raises errors of half a dozen libraries, and its own
            reason = f"the download broke off: {error}".rstrip(".")
        else:
            return _checked(path, repository)
    raise EscaleraError(
        f"the ImageNet weights of '{name}' are not on this machine, and the hub does not give them: {reason}. "
        f"Climb again once it does, or get {hf_hub_url(repository, file)} on another machine and write its path here: "
        f"model.weights: path/to/{file}."
    )


def imagenet_tensors(name: str, path: Path, size: tuple[int, int]) -> dict[str, Tensor]:
    """The named tensors of a file of the hub's, by today's names of timm, for pictures of a size (H, W).

    Raises EscaleraError for a file that cannot be read, or holds another network's.
    """
    found = read_body(path)
    with torch.random.fork_rng(devices=[]):  # the weights it makes first and overwrites cost the run no random numbers
        torch.manual_seed(0)
        bare = create(name, size)
        torch.manual_seed(0)
        try:
            net = create(name, size, pretrained=True, pretrained_cfg_overlay={"file": str(path)})
        except ModelError:
            net = bare  # timm refused the file
    # Without a classifier timm passes over what a file lacks: those weights would stay as chance made them.
    made = dict(bare.named_parameters())
    left = {
        key: tensor
        for key, tensor in net.named_parameters()
        if tensor.ndim > 1 and torch.equal(tensor, made[key]) and getattr(found.get(key), "shape", None) != tensor.shape
    }
    if left:
        raise another_network(str(path), differences(left, {key: found[key] for key in left if key in found}))
    return dict(net.state_dict())


def _folder() -> Path | None:
    """The folder of weights that is named; None where none is. Raises EscaleraError where it is not there."""
    named = os.environ.get(ROOT)
    if not named:
        return None
    folder = expanded(named, ROOT)
    if not folder.is_dir():
        raise EscaleraError(
            f"{ROOT}: expected a folder of weights, but there is none at {folder}. Name one that holds files as "
            "resnet50.a1_in1k.safetensors, with --weights-root or with that variable, or leave it out for the hub's."
        )
    return folder


def _checked(path: Path, repository: str) -> Path:
    """The file itself, if it is what the hub announced; else it is deleted and an EscaleraError raised."""
    # The hub's cache names a large file by the SHA-256 that was announced for it, and does not compare.
    blob = path.resolve()
    announced = blob.name
    if len(announced) == 64:
        with blob.open("rb") as file:
            received = hashlib.file_digest(file, "sha256").hexdigest()
        if received != announced:
            path.unlink()
            blob.unlink(missing_ok=True)
            raise EscaleraError(
                f"the file {path.name} of {repository} arrived damaged: expected the SHA-256 {announced[:12]}..., "
                f"received {received[:12]}.... It was deleted; climb again to fetch it anew."
            )
    return path
