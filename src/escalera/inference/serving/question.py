"""`POST /predict`: what is asked, of which model, and how a question that is amiss is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from escalera.core.errors import AbsentError, DataError, EscaleraError, RunError, nearest
from escalera.inference.serving.forms import is_form, read_form
from escalera.inference.serving.json_text import NoNumberError, dump_json, parse_json
from escalera.inference.serving.queue import BusyError

NO_MODEL = "expected model=<one of GET /models>, received none"
"""What is told to a question that names no model, where there are several."""
_MOST = 100_000
"""Classes that may be asked for."""
_VALUES = ("model", "top", "attributes")
"""What a question says besides its pictures."""
_IN_URL = tuple(f"{name}=".encode() for name in _VALUES)
_HOW = (
    "send the picture itself as the body, or a form (multipart/form-data) whose parts are file, and attributes where "
    "the model reads them"
)

_STATUSES: dict[type[EscaleraError], int] = {BusyError: 503, AbsentError: 404, RunError: 500, EscaleraError: 422}
"""Too many wait; no such model; a model that is here and cannot answer, which is no fault of who asks; no picture."""


@dataclass(frozen=True)
class Question:
    """A question about one row; `model` is "" where none was named, `top` how many classes are wanted."""

    model: str
    pictures: list[bytes]
    attributes: Mapping[str, Any] | None
    top: int


async def read_question(request: Request) -> Question:
    """The question of a request; raises DataError for what is amiss.

    The pictures are the parts called `file` of a form, or the whole body.
    """
    given, pictures = [(_known(name), value) for name, value in request.query_params.multi_items()], []
    kind, body = request.headers.get("content-type", ""), await request.body()
    if is_form(kind):
        try:
            parts = read_form(kind, body)
            pictures = [part.content for part in parts if part.name == "file"]
            given += [(_known(part.name), part.text) for part in parts if part.name != "file"]
        except ValueError as error:
            raise DataError(str(error)) from error
    elif parse_options_header(kind)[0].strip().lower() == b"application/json":
        raise DataError(f"a body in JSON is not read: {_HOW}")
    elif body.startswith(_IN_URL):  # which no picture begins with, whatever its type is said to be
        raise DataError(f"a body as in the query of an address is not read: {_HOW}")
    elif body:
        pictures = [body]
    values = dict(given)
    if len(values) < len(given):
        raise DataError(f"expected each of {', '.join(_VALUES)} once, received one of them twice")
    row, top = read_attributes(values.get("attributes")), read_top(values.get("top", "5"))
    return Question(values.get("model", ""), pictures, row, top)


def refused(error: EscaleraError) -> Response:
    """An error as JSON, with the first status that `_STATUSES` has for it."""
    status = next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
    return JSONResponse({"error": str(error)}, status, {"retry-after": "1"} if status == 503 else None)


def _known(name: str) -> str:
    if name not in _VALUES:
        known = nearest(name[:60], _VALUES)
        known += "" if known.endswith("?") else "."
        raise DataError(f"unknown value {name[:60]!r}; {known} Pictures are parts of a form, called file.")
    return name


def read_top(text: str) -> int:
    """How many classes are wanted; raises DataError for a text that is no such number."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 6) or not 1 <= int(text) <= _MOST:
        raise DataError(f"top: expected a whole number of classes from 1 to {_MOST:,}, received {text[:20]!r}")
    return int(text)


def read_attributes(text: str | None) -> Mapping[str, Any] | None:
    """The attributes of a row, as a JSON object; raises DataError for a text that is none."""
    if not text:
        return None
    try:
        found = parse_json(text)
    except NoNumberError as error:
        raise DataError(
            f"attributes: expected finite numbers, received {error.number:.30}; give null where a value is not known"
        ) from error
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DataError(
            f'attributes: expected a JSON object, each key once, as {{"area": 1200}}, received {text[:60]!r}'
        )
    for name, value in found.items():
        if isinstance(value, list | dict):
            raise DataError(
                f"attributes: '{name:.60}': expected a text or a number, or null where it is not known; "
                f"received {dump_json(value).decode():.60}"
            )
    return found
