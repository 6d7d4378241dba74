"""Escalera: image classifiers, built and judged one change at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from escalera.climbing import Run, climb, load_ladder

__all__ = ["Run", "climb", "load_ladder"]


def __getattr__(name: str) -> Any:
    # Late, so that `escalera --help` waits for nothing heavy.
    if name in __all__:
        import escalera.climbing

        return getattr(escalera.climbing, name)
    raise AttributeError(f"module 'escalera' has no attribute '{name}'")
