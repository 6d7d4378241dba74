"""The machine: which device, which precision, and what to write down about it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.errors import EscaleraError

if TYPE_CHECKING:
    import torch


def choose_device(name: str) -> torch.device:
    """The device behind `auto`, `cpu` or `cuda`; raises EscaleraError for CUDA where there is none."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise EscaleraError(
            f"--device cuda: expected a CUDA device, found none (torch {torch.__version__}). "
            "Use --device auto, which takes one where there is one."
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> str:
    """`fp32` or `bf16`; `auto` takes bf16 where the hardware multiplies it natively (CUDA, AMX, avx512_bf16)."""
    import torch

    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    flags = cpu_flags()
    return "bf16" if "amx_bf16" in flags or "avx512_bf16" in flags else "fp32"


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[object]:
    """What the forward pass runs in; for fp32 nothing at all. It may be entered again and again."""
    import torch

    return contextlib.nullcontext() if precision == "fp32" else torch.autocast(device.type, dtype=torch.bfloat16)


@cache
def cpu_flags() -> frozenset[str]:
    """What the processor says it can do, in Linux's words; empty where /proc is absent."""
    return frozenset(_cpuinfo("flags").split())


def processor() -> str:
    """What the processor calls itself; empty where nobody says."""
    return _cpuinfo("model name") or platform.processor()


def _cpuinfo(key: str) -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(key):
                return line.partition(":")[2].strip()
    return ""


def gpus() -> int:
    """The CUDA devices that this process may compute on."""
    import torch

    return torch.cuda.device_count()


def cores() -> int:
    """The processor's cores that this process may compute on; two threads of one core count once."""
    import psutil

    # Where nobody knows the cores (some containers), each logical processor is taken for one.
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many threads of the processor: sums come out alike to the last bit for one number only."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def free_memory() -> int:
    """Bytes of memory that are free, or can be at once."""
    import psutil

    return int(psutil.virtual_memory().available)


def machine() -> dict[str, Any]:
    """Versions and hardware, as far as they are known without PyTorch."""
    import psutil

    return {
        "escalera": importlib.metadata.version("escalera"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "date": now(),
    }


def describe(device: torch.device) -> dict[str, Any]:
    """What environment.json holds: versions and hardware."""
    import torch

    return {
        **machine(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
    }


def now() -> str:
    """The time, UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")
