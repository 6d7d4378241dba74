"""Libraries that a small installation does without, the extra that brings each, and the command that installs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from escalera.core.errors import EscaleraError

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "train": (
        "torch", "datasets", "filelock", "fsspec", "gradio", "huggingface_hub", "jinja2", "matplotlib", "optuna",
        "pandas", "pyarrow", "safetensors", "sklearn", "scipy", "skops", "tensorboard", "threadpoolctl", "timm",
    ),
    "serve": ("onnx", "onnxruntime", "python_multipart", "starlette", "uvicorn"),
    "export": ("onnxscript",),
    "ray": ("ray",),
    "slurm": ("submitit",),
    "s3": ("s3fs",),
    "gcs": ("gcsfs",),
    "mlflow": ("mlflow",),
    "wandb": ("wandb",),
    "trackio": ("trackio",),
}  # fmt: skip
"""What each extra brings, by the names that are imported."""
_SERVE = {"h11", *EXTRAS["serve"]}
"""What answering needs; all others that can be absent, and that no extra names, come with `train`."""


def absent(error: ModuleNotFoundError) -> EscaleraError | None:
    """What to install where a library was not found; None where it is none that an extra brings."""
    library = (error.name or "").partition(".")[0]
    if library in ("", "escalera"):
        return None
    extra = "serve" if library in _SERVE else "export" if library == "onnxscript" else "train"
    return EscaleraError(
        f"this part of Escalera needs {library}, which is not installed. Install it: {install_line(extra)}"
    )


def refuse_half_imported(library: str, called: str) -> None:
    """Raise EscaleraError where an import of a library was stopped: parts stay, with which no other import succeeds."""
    if library not in sys.modules and f"{library}._C" in sys.modules:
        raise EscaleraError(
            f"{called} was stopped while it was being loaded: restart Python (in a notebook, the kernel), and make the "
            "same call."
        )


def is_installed(library: str) -> bool:
    """Whether a library can be imported; it is not."""
    try:
        return find_spec(library) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def install_line(extra: str) -> str:
    """What to type to install an extra."""
    quote = '"' if os.name == "nt" else "'"
    return in_environment(f"install {quote}escalera[{extra}]{quote}")


def in_environment(words: str) -> str:
    """What to type so that pip works where Escalera is installed: pipx and uv keep it in a place of its own."""
    parts = Path(sys.prefix).parts
    if "pipx" in parts and "venvs" in parts:
        return f"pipx runpip escalera {words}"
    if "uv" in parts and "tools" in parts:
        return f'uv pip {words} --python "{sys.executable}"'
    return f"{'py -m ' if os.name == 'nt' else ''}pip {words}"


def pandas() -> Any:
    """The library of tables, imported when a table is asked for; raises EscaleraError where it is not installed."""
    try:
        return import_module("pandas")
    except ModuleNotFoundError as error:
        raise absent(error) or error from error
