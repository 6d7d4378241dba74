"""Libraries that a small installation does without, and the extra that brings each."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from escalera.core.errors import EscaleraError

_SERVE = {"h11", "onnx", "onnxruntime", "python_multipart", "starlette", "uvicorn"}
"""By the names that are imported; all others that can be absent come with `train`."""


def absent(error: ModuleNotFoundError) -> EscaleraError | None:
    """What to install where a library was not found; None where it is none that an extra brings."""
    library = (error.name or "").partition(".")[0]
    if library in ("", "escalera"):
        return None
    extra = "serve" if library in _SERVE else "export" if library == "onnxscript" else "train"
    return EscaleraError(
        f"this part of Escalera needs {library}, which is not installed. Install it: pip install 'escalera[{extra}]'"
    )


def pandas() -> Any:
    """The library of tables, imported when a table is asked for; raises EscaleraError where it is not installed."""
    try:
        return import_module("pandas")
    except ModuleNotFoundError as error:
        raise absent(error) or error from error
