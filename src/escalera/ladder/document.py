"""YAML with line numbers: a text becomes plain values, and every key and item keeps the line it was typed on."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Where a value is: keys and list indices, from the top."""

DEEPEST = 50


def dotted(path: Path) -> str:
    """A path for people: `model.blocks[1][0]`."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


@dataclass(frozen=True)
class Flaw:
    """What is wrong with a text as YAML, and on which line."""

    message: str
    line: int
    path: Path = ()


@dataclass
class Document:
    """A text that was read: its value, the line (from 1) of each path, and its flaws."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)

    def typed(self, path: Path) -> Path:
        """The path, or the nearest one above it that was typed."""
        while path and path not in self.lines:
            path = path[:-1]
        return path

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest one above it that was typed."""
        return self.lines.get(self.typed(path), 1)


def read_document(text: str) -> Document:
    """Read YAML; a text that cannot be read has the value None and says why in its flaws."""
    try:
        return _Reader(_Loader(text)).document()
    except _UnreadableError as error:
        flaw = Flaw(str(error), error.line)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        context = f" {error.context}" if error.context else ""
        flaw = Flaw(f"not YAML: {error.problem}{context}", mark.line + 1 if mark else 1)
    except yaml.reader.ReaderError as error:
        character = error.character if isinstance(error.character, str) else chr(error.character)
        flaw = Flaw(f"not YAML: the character {character!r} is not allowed", text.count("\n", 0, error.position) + 1)
    return Document(flaws=[flaw])


def document_of(value: Mapping[Any, Any]) -> Document:
    """The document of a mapping from Python, whose values stand on no line (0); paths become texts.

    What no YAML holds is among its flaws.
    """
    made = Document()
    made.value = _plain(value, (), made)
    return made


def _plain(value: Any, path: Path, made: Document) -> Any:
    made.lines[path] = 0
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()  # a number of numpy or torch
    if value is None or isinstance(value, str | int | float):
        return value
    if len(path) > DEEPEST:
        made.flaws.append(Flaw(f"nested more than {DEEPEST} deep", 0, path))
    elif isinstance(value, Mapping):
        return {str(key): _plain(item, (*path, str(key)), made) for key, item in value.items()}
    elif isinstance(value, list | tuple):
        return [_plain(item, (*path, place), made) for place, item in enumerate(value)]
    else:
        what = "expected a number, a text, a list or a mapping"
        made.flaws.append(Flaw(f"{what}, received {type(value).__name__}", 0, path))
    return None


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with the plain scalars of YAML 1.2: `1e-3` is a number, `yes` and `off` are text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own, emptied


_TAG = "tag:yaml.org,2002:"
_SCALARS = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
)
for _name, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), _first)


class _UnreadableError(Exception):
    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


class _Reader:
    """Builds a document from the parser's events, so that depth and aliases are checked before anything grows."""

    def __init__(self, loader: _Loader) -> None:
        # PyYAML's methods have no types of their own.
        self.take: Callable[[], Any] = loader.get_event
        self.peek: Callable[[], Any] = loader.peek_event
        self.tag: Callable[..., str] = loader.resolve
        self.flaws: list[Flaw] = []

    def document(self) -> Document:
        self.take()  # the start of the stream
        if isinstance(self.take(), yaml.StreamEndEvent):
            return Document()
        lines: dict[Path, int] = {}
        value = self._value((), lines)
        self.take()  # the end of the document
        event = self.take()
        if not isinstance(event, yaml.StreamEndEvent):
            raise _UnreadableError("expected one document, received another after '---'", event.start_mark.line + 1)
        return Document(value, lines, self.flaws)

    def _value(self, path: Path, lines: dict[Path, int]) -> Any:
        event = self.take()
        line = event.start_mark.line + 1
        lines.setdefault(path, line)
        if isinstance(event, yaml.AliasEvent):
            raise _UnreadableError(f"the alias '*{event.anchor}' is not taken in a ladder; write the value out", line)
        if event.tag is not None:
            raise _UnreadableError(f"the tag '{event.tag}' is not taken in a ladder; write the value alone", line)
        if len(path) > DEEPEST:
            raise _UnreadableError(f"nested more than {DEEPEST} deep", line)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, lines)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path, lines)
        try:
            return _scalar(event.value, self.tag(yaml.ScalarNode, event.value, event.implicit))
        except ValueError:
            raise _UnreadableError(f"a number of {len(event.value)} digits is not taken in a ladder", line) from None

    def _mapping(self, path: Path, lines: dict[Path, int]) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := self.take(), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, yaml.ScalarEvent):
                raise _UnreadableError("expected a key of one word, received a list, a mapping or an alias", line)
            key = (*path, event.value)
            if key in lines:
                self.flaws.append(
                    Flaw(f"the key '{event.value}' is given twice, first on line {lines[key]}", line, key)
                )
                self._value(key, {})
            else:
                lines[key] = line
                mapping[event.value] = self._value(key, lines)
        return mapping

    def _sequence(self, path: Path, lines: dict[Path, int]) -> list[Any]:
        items: list[Any] = []
        while not isinstance(self.peek(), yaml.SequenceEndEvent):
            items.append(self._value((*path, len(items)), lines))
        self.take()
        return items


def _scalar(text: str, tag: str) -> str | int | float | bool | None:
    match tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text, 0 if text.startswith(("0o", "0x")) else 10)
        case "float":
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
