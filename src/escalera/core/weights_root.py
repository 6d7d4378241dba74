"""The folder of ImageNet weights that a person has named: a variable, which processes inherit and orders carry."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from escalera.core.errors import EscaleraError

ROOT = "ESCALERA_WEIGHTS"


def weights_root() -> str | None:
    """The folder that is named, as another process finds it wherever it stands; None where none is."""
    named = os.environ.get(ROOT)
    return str(Path(os.path.expanduser(named)).absolute()) if named else None  # noqa: PTH111 - it raises for no home


@contextlib.contextmanager
def weights_in(folder: Path | None) -> Iterator[None]:
    """Look for weights in a folder, here and in all that is started within; None leaves it as it is.

    Raises EscaleraError where there is no such folder.
    """
    if folder is None:
        yield
        return
    if not folder.is_dir():
        raise EscaleraError(f"weights_root: expected a folder of weights, but there is none at {folder}")
    before = os.environ.get(ROOT)
    os.environ[ROOT] = str(folder.absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ[ROOT]
        else:
            os.environ[ROOT] = before
