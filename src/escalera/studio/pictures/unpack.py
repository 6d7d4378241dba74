"""A zip as the files in it, each a path in words and its bytes: nothing of it is written by the names that it gives."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator

from escalera.core.errors import DataError
from escalera.data.readers.listing import left_by_system
from escalera.inference.serving.guard import LARGEST_UPLOAD

LARGEST_ZIP = 200_000_000
"""Bytes of a zip."""
LARGEST_WHOLE = 1_000_000_000
"""Bytes of all that comes out of it: a zip of a few kilobytes can claim terabytes."""
MOST = 5_000
"""Files in it."""
_PIECE = 65_536
"""Bytes that are unpacked at once."""
_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


def is_zip(content: bytes) -> bool:
    """Whether a file is a zip, by its first bytes."""
    return content.startswith(_STARTS)


def unpack(content: bytes) -> Iterator[tuple[str, bytes | DataError]]:
    """Each file of a zip, or why it is not taken; raises DataError for a zip that is none, or holds too many."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise DataError("the zip is damaged or cut short: send it again") from error
    with archive:
        found = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_left(entry.filename)]
        if len(found) > MOST:
            raise DataError(f"the zip holds {len(found):,} files: {MOST:,} at most are taken")
        whole = 0
        for entry in found:
            read, unpacked = _read(archive, entry)
            whole += unpacked
            if whole > LARGEST_WHOLE:
                raise DataError(f"the zip holds more than {LARGEST_WHOLE // 1_000_000:,} MB; the rest is not taken")
            yield entry.filename, read


def _is_left(name: str) -> bool:
    return any(left_by_system(part) for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[bytes | DataError, int]:
    """A file, or why it is not taken, and how many bytes came out for that: what is refused was work too."""
    if stat.S_ISLNK(entry.external_attr >> 16):
        return DataError("a link, which is not followed"), 0
    if entry.flag_bits & 1:
        return DataError("it is encrypted; make the zip without a password"), 0
    pieces: list[bytes] = []
    size = 0
    try:
        with archive.open(entry) as file:
            # As much as is allowed and a byte: what the zip claims of itself may be a lie.
            while piece := file.read(min(_PIECE, LARGEST_UPLOAD + 1 - size)):
                pieces.append(piece)
                size += len(piece)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError):
        # How much of the last piece came out before the fault is not told.
        return DataError("it is damaged in the zip, or packed in a way that is not read"), size + _PIECE
    if size > LARGEST_UPLOAD:
        return DataError(f"it has more than {LARGEST_UPLOAD // 1_000_000} MB"), size
    return b"".join(pieces), size
