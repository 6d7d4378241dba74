"""The studio over plain HTTP: `GET /models` and `POST /predict`, JSON out; and the files that the page links to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from escalera.core.errors import DataError, EscaleraError, RunError, nearest
from escalera.inference import bundle
from escalera.report.language import LANGUAGES
from escalera.studio.forms import is_form, read_form
from escalera.studio.i18n import preferred
from escalera.studio.questions import parse_json
from escalera.studio.service import BusyError, Studio

_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#2f7fc1" stroke-width="3" '
    'stroke-linecap="round"><path d="M10 3v26M22 3v26M10 9h12M10 16h12M10 23h12"/></svg>'
)


_VALUES = ("model", "top", "attributes")
"""What a question says besides its pictures."""


def add_routes(app: Starlette, studio: Studio) -> None:
    """Add what is not gradio's to an application."""

    async def models(request: Request) -> Response:
        rows = [
            {"model": entry.key, "label": entry.label, "test_accuracy": entry.accuracy} for entry in studio.models()
        ]
        return JSONResponse({"models": rows})

    async def predict(request: Request) -> Response:
        try:
            key, pictures, attributes, top = await _question(request)
            answer = await asyncio.wrap_future(studio.classify(key, pictures, attributes))
        except EscaleraError as error:
            return refused(error)
        return JSONResponse(answer.to_json(top))

    async def model(request: Request) -> Response:
        key = request.path_params["key"]
        try:
            content = await asyncio.to_thread(lambda: bundle.export(studio.trained(key)))
        except EscaleraError as error:
            return refused(error)
        name = "-".join(key.split("/")).removesuffix("-seed-0")
        return Response(
            content,
            media_type="application/octet-stream",
            headers={"content-disposition": _as_file(f"{name}.safetensors")},
        )

    async def home(request: Request) -> Response:
        chosen = request.cookies.get("language", "")
        code = chosen if chosen in LANGUAGES else preferred(request.headers.get("accept-language", ""))
        return RedirectResponse(f"{code}/", headers={"vary": "accept-language, cookie"})

    async def icon(request: Request) -> Response:
        return Response(_ICON, media_type="image/svg+xml", headers={"cache-control": "max-age=86400"})

    async def manifest(request: Request) -> Response:
        return JSONResponse({"name": "Escalera", "start_url": "/", "icons": [{"src": "/favicon.ico", "sizes": "any"}]})

    async def report(request: Request) -> Response:
        return _kept(studio.out, request.path_params["ladder"], "report.html")

    async def explored(request: Request) -> Response:
        code = request.path_params["language"]
        return _kept(studio.out / ".studio" / f"explored-{code}", request.path_params["source"], "explore.html")

    app.add_route("/report/{ladder}", report)
    app.add_route("/explored/{language}/{source}", explored)
    app.add_route("/", home)
    app.add_route("/favicon.ico", icon)
    app.add_route("/manifest.json", manifest)
    app.add_route("/models", models)
    app.add_route("/predict", predict, methods=["POST"])
    app.add_route("/model/{key:path}", model)


def refused(error: EscaleraError) -> Response:
    """An error as JSON: 503 when too many wait, 404 for what is not here, 422 for what is no picture."""
    status = 503 if isinstance(error, BusyError) else 404 if isinstance(error, RunError) else 422
    return JSONResponse({"error": str(error)}, status, {"retry-after": "1"} if status == 503 else None)


def _kept(folder: Path, name: str, file: str) -> Response:
    """A page that Escalera wrote, as a place of its own: what is in it can ask nothing of the studio."""
    path = folder / name / file
    if name not in {found.name for found in folder.glob("*")} or name.startswith(".") or not path.is_file():
        return JSONResponse({"error": "there is no such page"}, 404)
    policy = (
        "sandbox allow-scripts allow-popups; default-src 'none'; script-src 'unsafe-inline'; "
        "style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
    )
    return HTMLResponse(path.read_bytes(), headers={"content-security-policy": policy, "cache-control": "no-cache"})


async def _question(request: Request) -> tuple[str, list[bytes], Mapping[str, Any] | None, int]:
    """The model, the pictures, the attributes and how many classes are asked for; raises DataError for what is amiss.

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
    elif body:
        pictures = [body]
    values = dict(given)
    if len(values) < len(given):
        raise DataError(f"expected each of {', '.join(_VALUES)} once, received one of them twice")
    if not values.get("model"):
        raise DataError("expected model=<one of GET /models>, received none")
    top = values.get("top", "5")
    if not (top.isascii() and top.isdecimal() and len(top) <= 6) or not 1 <= int(top) <= 100_000:
        raise DataError(f"top: expected a number of classes, received {top[:20]!r}")
    return values["model"], pictures, _attributes(values.get("attributes")), int(top)


def _known(name: str) -> str:
    if name not in _VALUES:
        known = nearest(name[:60], _VALUES)
        raise DataError(f"unknown value {name[:60]!r}; {known} Pictures are parts of a form, called file.")
    return name


def _attributes(text: str | None) -> Mapping[str, Any] | None:
    if not text:
        return None
    try:
        found = parse_json(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DataError(
            f'attributes: expected a JSON object, each key once, as {{"area": 1200}}, received {text[:60]!r}'
        )
    return found


def _as_file(name: str) -> str:
    """The header by which a browser keeps an answer as a file; RFC 6266 has a form for letters beyond ASCII."""
    if name.isascii():
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name)}"
