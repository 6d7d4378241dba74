"""What computes: PyTorch and the driver of the GPU, the precision, and the cores that are used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from escalera.cli.doctor.check import Check, set_variable
from escalera.core.extras import in_environment, is_installed
from escalera.core.language import Language
from escalera.core.runtime import choose_device, choose_precision, cores

_WHEELS = "https://download.pytorch.org/whl"
_OF_DRIVER = {13: "cu130", 12: "cu126"}
"""PyTorch's builds by the major version of CUDA that a driver offers: within one, CUDA runs a newer minor version too
(NVIDIA, CUDA Compatibility, minor version compatibility)."""
_THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver: its version, and the newest CUDA that it offers."""

    version: str
    cuda: str


def read_driver(text: str) -> Driver | None:
    """What `nvidia-smi` says of the driver; None where it says nothing of it."""
    version = re.search(r"Driver Version:\s*([\d.]+)", text)
    cuda = re.search(r"CUDA (?:UMD )?Version:\s*([\d.]+)", text)
    return Driver(version[1], cuda[1]) if version and cuda else None


def driver() -> Driver | None:
    """The driver of this machine; None where there is none that answers."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        answer = subprocess.run([program], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return read_driver(answer.stdout)


def computing(words: Language) -> Iterator[Check]:
    """Lines of PyTorch, of the precision and of the cores; none without PyTorch."""
    if not is_installed("torch"):
        return
    import torch

    version = torch.__version__
    yield torch_check(version, torch.version.cuda, torch.cuda.is_available(), driver(), words)
    precision = choose_precision("auto", choose_device("auto"))
    yield Check("bf16", "ok", words.say("doctor.bf16" if precision == "bf16" else "doctor.no_bf16"))
    used, there = torch.get_num_threads(), cores()
    text = words.say("doctor.cores.one" if used == 1 else "doctor.cores.other", used=used, all=there)
    if used < there and os.environ.get(_THREADS):
        yield Check("cores", "missing", text, set_variable(_THREADS, ""))
    else:
        yield Check("cores", "ok", text)


def torch_check(version: str, cuda: str | None, available: bool, found: Driver | None, words: Language) -> Check:
    """How a PyTorch built for a CUDA, or for none, goes with the driver that is there, or with none."""
    if available:
        return Check("torch", "ok", words.say("doctor.torch_gpu", torch=version, cuda=cuda))
    if found is None and cuda is None:
        return Check("torch", "ok", words.say("doctor.torch_cpu", torch=version))
    if found is None:
        return Check("torch", "ok", words.say("doctor.torch_large", torch=version), _install("cpu"))
    build = _OF_DRIVER.get(min(int(found.cuda.partition(".")[0]), max(_OF_DRIVER)))
    values = {"torch": version, "driver": found.version, "offers": found.cuda}
    if build is None:
        return Check("torch", "broken", words.say("doctor.old_driver", **values), "https://www.nvidia.com/drivers")
    if cuda is None:
        return Check("torch", "missing", words.say("doctor.gpu_unused", **values), _install(build))
    return Check("torch", "broken", words.say("doctor.torch_too_new", cuda=cuda, **values), _install(build))


def _install(build: str) -> str:
    return in_environment(f"install --force-reinstall torch --index-url {_WHEELS}/{build}")
