"""ImageNet weights from the hub: fetched once, checked, and handed to a backbone by timm itself."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from torch import Tensor

from escalera.core.errors import EscaleraError
from escalera.core.hub import offline, unreachable
from escalera.models.backbone import create


def imagenet_file(name: str) -> Path:
    """The file of timm's weights for a network, from this machine's cache of the hub or, with a bar, from the hub.

    Raises EscaleraError, within seconds, when it can be had from neither, or arrives damaged.
    """
    import timm
    from huggingface_hub import hf_hub_download, hf_hub_url, try_to_load_from_cache

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
    """The named tensors of a file from the hub, by today's names of timm, for pictures of a size (H, W)."""
    with torch.random.fork_rng(devices=[]):  # the weights it makes first and overwrites cost the run no random numbers
        net = create(name, size, pretrained=True, pretrained_cfg_overlay={"file": str(path)})
    return dict(net.state_dict())


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
