"""Fitted classifiers on disk, by skops: types are named in the file, and only those that we know are made.

Never pickle: a file of a stranger could then run anything.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import Any

from escalera.core.errors import RunError
from escalera.core.files import CURE, DAMAGED, write_aside

TRUSTED = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""What our five classifiers are made of beside that which skops trusts by itself."""


def save(classifier: Any, path: Path) -> str:
    """Write a fitted classifier, whole or not at all; the SHA-256 of its file."""
    import skops.io

    content = skops.io.dumps(classifier)
    write_aside(path, lambda file: file.write(content))
    return hashlib.sha256(content).hexdigest()


def check(path: Path, sha256: str) -> bytes:
    """The content of a file; raises RunError for one that is absent, or has changed since it was written."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"could not read {path}: {error.strerror}. {CURE}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RunError(f"{path} {DAMAGED}. {CURE}")
    return content


def load(path: Path, sha256: str) -> Any:
    """Read a classifier back.

    Raises RunError for a file that is absent, has changed since it was written, or would make an object of a type that
    none of our classifiers has.
    """
    import skops.io

    content = check(path, sha256)
    try:
        foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(TRUSTED))
        if foreign:
            raise RunError(
                f"{path} holds objects that no classifier of ours is made of: {', '.join(foreign[:3])}. It is not "
                "loaded; take runs from people you trust, or climb the rung yourself."
            )
        return skops.io.loads(content, trusted=list(TRUSTED))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise RunError(f"{path} is no file of a classifier: {error}. {CURE}") from error
