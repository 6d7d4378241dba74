"""The rows worth looking at: mistakes that it was sure of, and rows that it could not decide."""

from __future__ import annotations

from typing import Any

from escalera.report.gallery import confident_mistakes, least_certain
from escalera.report.view import RungView


def section(view: RungView) -> dict[str, Any] | None:
    """Two galleries."""
    if view.evidence is None:
        return None
    shown = {"confident": confident_mistakes(view.evidence), "uncertain": least_certain(view.evidence)}
    return {"galleries": [(name, rows) for name, rows in shown.items() if rows]}
