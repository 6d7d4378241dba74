"""Escalera: image classifiers, built and judged one change at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from escalera.core.errors import EscaleraError
    from escalera.experiment.results import Results, Run
    from escalera.inference.predictor import Predictor
    from escalera.interface import climb, load_ladder
    from escalera.interface import open as open

_FROM = {
    "EscaleraError": "core.errors",
    "Predictor": "inference.predictor",
    "Results": "experiment.results",
    "Run": "experiment.results",
    "climb": "interface",
    "load_ladder": "interface",
    "open": "interface",
}
"""The public names, and where each is."""

# Not `open`: a star would hide Python's own.
__all__ = ["EscaleraError", "Predictor", "Results", "Run", "climb", "load_ladder"]


def __getattr__(name: str) -> Any:
    # Late, so that `escalera --help` waits for nothing heavy.
    if name in _FROM:
        from importlib import import_module

        return getattr(import_module(f"escalera.{_FROM[name]}"), name)
    from escalera.core.errors import perhaps

    raise AttributeError(f"module 'escalera' has no attribute '{name}'{perhaps(name, _FROM)}")


def __dir__() -> list[str]:
    return sorted(_FROM)
