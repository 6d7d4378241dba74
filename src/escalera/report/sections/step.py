"""What the step fixed and what it broke, in pictures."""

from __future__ import annotations

from typing import Any

from escalera.report.gallery import broken, fixed
from escalera.report.view import RungView


def section(view: RungView) -> dict[str, Any] | None:
    """Two galleries, and how many rows there are of each between the two runs shown."""
    before, after = view.before, view.evidence
    if before is None or after is None:
        return None
    galleries = [
        ("fixed", fixed(before, after), int((~before.right & after.right).sum())),
        ("broken", broken(before, after), int((before.right & ~after.right).sum())),
    ]
    return {"galleries": galleries, "parent": view.rung.parent} if any(total for _, _, total in galleries) else None
