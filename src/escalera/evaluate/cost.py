"""What a network and its training cost: floating-point operations and memory."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path

import torch
import torch._dynamo  # noqa: F401
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from escalera.models.inputs import blank

# To count takes torch._dynamo, and so does any optimizer: its second is paid once in a process that trains. It keeps,
# in a circle, the frames that imported it first. If those were of a training, the network of the first rung would stay
# in memory until the garbage is collected, which takes 0.2 to 0.4 s. Nothing else holds a network once its rung is over
# (tests/test_climbing.py), so that nothing is collected here.


def flops_per_image(network: nn.Module, image_shape: tuple[int, int, int], attributes: int = 0) -> int:
    """Floating-point operations of one forward pass of one row; a multiply and an add count as two.

    A row is a picture (C, H, W), with so many attributes beside it.
    """
    device = next(network.parameters()).device
    was_training = network.training
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network.eval()(blank(image_shape, attributes, device))
    network.train(was_training)
    return int(counter.get_total_flops())


class PeakMemory:
    """The most memory in use at once since this was made, in bytes: the GPU's on CUDA, else the whole process's."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        else:
            _give_back_what_is_free()
            # Linux keeps a high-water mark for each process and lets it be set back; elsewhere it stays as it was.
            with contextlib.suppress(OSError):
                Path("/proc/self/clear_refs").write_text("5", encoding="ascii")

    def read(self) -> int:
        """Bytes."""
        if self.device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self.device))
        with contextlib.suppress(OSError):
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        return _peak_elsewhere()


def _peak_elsewhere() -> int:
    """Bytes, by macOS, Windows, and what has no /proc: the most since the process began."""
    import psutil

    with contextlib.suppress(ImportError):  # Windows
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


def _give_back_what_is_free() -> None:
    """Let the system have what was freed: glibc keeps it, and each rung of a climb would start a little higher."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # macOS, musl, Windows
        ctypes.CDLL(None).malloc_trim(0)
