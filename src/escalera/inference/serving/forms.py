"""Forms with files, read in one way only: whole, each part once told what it is, and written anew for those behind."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from python_multipart.multipart import parse_options_header

KIND = "multipart/form-data"
_MOST = 1_000
"""Parts of a form; gradio takes as many files."""
_LONGEST = 200
"""Bytes of a boundary; RFC 2046 allows 70."""
_NO_NAME = re.compile(r"[/\\\x00-\x1f\x7f]|^\.{0,2}$")


@dataclass(frozen=True)
class Part:
    """A part of a form; `filename` is None where it is no file."""

    name: str
    filename: str | None
    content: bytes

    @property
    def text(self) -> str:
        """The content as text; raises ValueError where it is not in UTF-8."""
        try:
            return self.content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"the part called {self.name[:60]!r} cannot be read: expected text in UTF-8") from error


def is_form(kind: str) -> bool:
    """Whether a content type is that of a form with files, in any spelling."""
    return parse_options_header(kind)[0].strip().lower() == KIND.encode()


def read_form(kind: str, body: bytes) -> list[Part]:
    """The parts of a form (RFC 7578) of this content type; raises ValueError for one that is cut short or is none."""
    boundary = parse_options_header(kind)[1].get(b"boundary", b"")
    if not is_form(kind) or not 0 < len(boundary) <= _LONGEST:
        raise ValueError(f"the form cannot be read: expected {KIND} with a boundary")
    before, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if before or not parts or parts[-1].strip() != b"--":
        raise ValueError("the form cannot be read: it is cut short, or its boundary is another")
    if len(parts) > _MOST + 1:
        raise ValueError(f"the form has {len(parts) - 1} parts: at most {_MOST} are taken")
    return [_part(part) for part in parts[:-1]]


def _part(raw: bytes) -> Part:
    head, gap, content = raw.partition(b"\r\n\r\n")
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    dispositions = [value for name, _, value in lines if name.strip().lower() == b"content-disposition"]
    kind, options = parse_options_header(dispositions[0].strip()) if len(dispositions) == 1 else (b"", {})
    try:
        name, filename = options[b"name"].decode("utf-8"), options.get(b"filename")
        named = None if filename is None else filename.decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        kind = b""
    if not gap or kind != b"form-data":
        raise ValueError("the form cannot be read: expected a name for each part, in UTF-8")
    return Part(name, named, content)


def check_files(parts: list[Part], name: str) -> None:
    """Raise ValueError unless all parts are files under this name, called by a name and not by a path."""
    for part in parts:
        if part.name != name or part.filename is None:
            raise ValueError(f"expected files as parts called {name}, received a part called {part.name[:60]!r}")
        if _NO_NAME.search(part.filename):
            raise ValueError(f"expected the name of a file, as photo.png; received {part.filename[:60]!r}")
    if not parts:
        raise ValueError(f"expected files as parts called {name}, received none")


def write_form(parts: list[Part]) -> tuple[str, bytes]:
    """Files as a form that cannot be read in two ways: its content type and its body."""
    boundary = secrets.token_hex(16)
    lines = []
    for part in parts:
        named = str(part.filename).replace('"', "%22")  # as browsers write it
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="{part.name}"; filename="{named}"\r\n\r\n'
        lines += [head.encode("utf-8"), part.content, b"\r\n"]
    return f"{KIND}; boundary={boundary}", b"".join([*lines, f"--{boundary}--\r\n".encode()])
