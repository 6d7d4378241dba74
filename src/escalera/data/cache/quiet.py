"""Pillow's logger and its libtiff write what is wrong to standard error, where it comes as an exception anyway."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import logging
from functools import cache
from pathlib import Path

import PIL


@cache
def hush() -> None:
    """Let neither write anything, libtiff as far as its library can be found."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    package = Path(PIL.__file__).parent
    bundled = [*package.parent.glob("pillow.libs/libtiff*"), *package.glob(".dylibs/libtiff*")]
    for path in map(str, bundled or filter(None, [ctypes.util.find_library("tiff")])):
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL(path)
            for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                handler = getattr(library, name)
                handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
                handler(None)
