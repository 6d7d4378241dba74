"""The electricity that a computation takes, as the machine's own counters have it: RAPL of Linux, NVML of a GPU.

Nothing is estimated: where no counter can be read, none is made up from the name of a processor.
Linux, Documentation/power/powercap; NVIDIA, nvmlDeviceGetTotalEnergyConsumption.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

POWERCAP = Path("/sys/class/powercap")
REASONS = ("absent", "unreadable", "gpu", "together", "part")
"""Why there is no figure: no counter, one that only root may read, a GPU that does not say, several processes, and a
training of which a part was not measured."""
CURABLE = ("unreadable", "gpu")
"""Of these, what a person can do something about."""
EVERY = 60.0
"""Seconds between two looks: a counter begins anew after 262 kJ, which a kilowatt takes in four minutes."""
_JOULES = 3.6e6
"""Of a kilowatt-hour."""


class UnmeasuredError(Exception):
    """There is no counter to read; its text is one of REASONS."""


@dataclass(frozen=True)
class Counter:
    """`read` gives the joules since some moment; after `most` they begin at nought again, where it is not None."""

    of: str
    read: Callable[[], float]
    most: float | None = None


@dataclass
class Taken:
    """What was counted so far: `joules` of each part, and how much of the processor's time was this process's.

    `own` and `busy` are seconds of all cores, of this process and of all. `why` is "" or one of REASONS.
    """

    joules: dict[str, float]
    own: float = 0.0
    busy: float = 0.0
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """As run.json has it: kWh, of what, and by which share of the processor's time; or why there is no figure."""
        if self.why or not self.joules:
            return {"kwh": None, "why": self.why or "absent"}
        share = min(1.0, self.own / self.busy) if self.busy > 0 else 1.0
        # What a GPU takes is not divided: nothing says whose computing it was.
        joules = sum(value * (1.0 if of == "gpu" else share) for of, value in self.joules.items())
        return {"kwh": float(f"{joules / _JOULES:.6g}"), "of": sorted(self.joules), "share": round(share, 4), "why": ""}


class EnergyMeter:
    """Counts between `start` and `stop`, again and again, what this process takes on a device.

    The counters are those of the whole machine: of the processor's energy the process is given its share of the
    computing time of all, so that trainings side by side are not each given the whole.
    """

    def __init__(self, device: torch.device, *, why: str = "") -> None:
        self._counters: list[Counter] = []
        self._last: dict[int, float] = {}
        self._times = (0.0, 0.0)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self.taken = Taken({}, why=why)
        try:
            self._counters = [] if why else counters(device)
        except UnmeasuredError as error:
            self.taken.why = str(error)

    def start(self) -> None:
        """Count from now on; a thread looks often enough for no counter to begin anew unseen."""
        if not self._counters:
            return
        self._over.clear()
        self._look(first=True)
        threading.Thread(target=self._watch, name="energy", daemon=True).start()

    def take(self) -> Taken:
        """What was counted until now."""
        if self._last:
            self._look()
        return self.taken

    def stop(self) -> Taken:
        """Count no more; what was counted."""
        self.take()
        self._over.set()
        self._last = {}
        return self.taken

    def go_on(self, before: Mapping[str, Any] | None) -> None:
        """Add what an earlier part of the training took, as `state` had it; None where nobody counted."""
        if before is None or before["why"]:
            self.taken.why = self.taken.why or "part"
            return
        if set(before["joules"]) != {one.of for one in self._counters}:
            self.taken.why = self.taken.why or "part"
        self.taken = Taken(dict(before["joules"]), before["own"], before["busy"], self.taken.why)

    def state(self) -> dict[str, Any]:
        """For `go_on`, as plain values."""
        return asdict(self.taken)

    def _watch(self) -> None:
        over = self._over
        while not over.wait(EVERY):
            self._look()

    def _look(self, *, first: bool = False) -> None:
        """Add what the counters have gone on by since the last look."""
        with self._lock:
            try:
                now = {place: one.read() for place, one in enumerate(self._counters)}
                times = (time.process_time(), _busy())
            except Exception:  # a file of the kernel or NVML's own error: whoever trains does not end by it
                self.taken.why = self.taken.why or "unreadable"
                return
            for place, one in enumerate(self._counters):
                if not first and place in self._last:
                    more = now[place] - self._last[place]
                    more += one.most or 0.0 if more < 0 else 0.0
                    self.taken.joules[one.of] = self.taken.joules.get(one.of, 0.0) + max(0.0, more)
            if not first:
                self.taken.own += times[0] - self._times[0]
                self.taken.busy += times[1] - self._times[1]
            self._last, self._times = now, times


def counters(device: torch.device) -> list[Counter]:
    """The counters of what computes on a device; raises UnmeasuredError where there are none to be read.

    On a GPU that of the GPU, and the processor's where it can be read.
    """
    if device.type != "cuda":
        return _processor()
    found = [_gpu(device)]
    try:
        return found + _processor()
    except UnmeasuredError:
        return found


def _processor() -> list[Counter]:
    """One for each package, and for the memory beside it, which no package counts."""
    found = []
    for zone in sorted(POWERCAP.glob("intel-rapl:*")):  # AMD's too; another spelling, intel-rapl-mmio, counts the same
        try:
            name = (zone / "name").read_text(encoding="ascii").strip()
            of = "cpu" if name.startswith("package") else "memory" if name == "dram" else ""
            if not of:
                continue
            most = int((zone / "max_energy_range_uj").read_text(encoding="ascii")) / 1e6
            one = Counter(of, _reader(zone / "energy_uj"), most)
            one.read()
        except PermissionError as error:
            raise UnmeasuredError("unreadable") from error
        except (OSError, ValueError):
            continue
        found.append(one)
    if not any(one.of == "cpu" for one in found):
        raise UnmeasuredError("absent")
    return found


def _reader(file: Path) -> Callable[[], float]:
    return lambda: int(file.read_text(encoding="ascii")) / 1e6


def _gpu(device: torch.device) -> Counter:
    import torch

    try:
        nvml = import_module("pynvml")
        nvml.nvmlInit()
        handle = nvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        nvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception as error:  # not installed, an older GPU, a part of one: each has an error of its own
        raise UnmeasuredError("gpu") from error
    return Counter("gpu", lambda: nvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3)


def _busy() -> float:
    """Seconds that all cores have computed, for whomever."""
    import psutil

    times = psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "guest", "guest_nice")  # what guests take is in `user` already
    return float(sum(seconds for name, seconds in times.items() if name not in idle))
