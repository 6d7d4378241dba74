"""What it is made of, and what it cost: layers, settings, time, memory, money."""

from __future__ import annotations

from typing import Any

from escalera.report.view import RungView


def section(view: RungView) -> dict[str, Any] | None:
    """The record of the first finished run."""
    return None if view.run is None else {"record": view.run.record, "settings": view.run.settings}
