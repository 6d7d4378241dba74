"""The studio over plain HTTP: `GET /models` and `POST /predict`, JSON out; and the files that the page links to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from escalera.core.errors import DataError, EscaleraError
from escalera.inference import bundle
from escalera.inference.serving.question import NO_MODEL, read_question, refused
from escalera.report.language import LANGUAGES
from escalera.studio.i18n import preferred
from escalera.studio.pictures.route import taking
from escalera.studio.service import Studio

_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#2f7fc1" stroke-width="3" '
    'stroke-linecap="round"><path d="M10 3v26M22 3v26M10 9h12M10 16h12M10 23h12"/></svg>'
)


def add_routes(app: Starlette, studio: Studio) -> None:
    """Add what is not gradio's to an application."""

    async def models(request: Request) -> Response:
        rows = [
            {"model": entry.key, "label": entry.label, "test_accuracy": entry.accuracy} for entry in studio.models()
        ]
        return JSONResponse({"models": rows})

    async def predict(request: Request) -> Response:
        try:
            question = await read_question(request)
            if not question.model:
                raise DataError(NO_MODEL)
            answer = await asyncio.wrap_future(studio.classify(question.model, question.pictures, question.attributes))
        except EscaleraError as error:
            return refused(error)
        return JSONResponse(answer.to_json(question.top))

    async def model(request: Request) -> Response:
        key = request.path_params["key"]
        try:
            name, content = await asyncio.to_thread(_file_of, studio, key)
        except EscaleraError as error:
            return refused(error)
        return Response(
            content,
            media_type="application/octet-stream",
            headers={"content-disposition": _as_file(name)},
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
    app.add_route("/pictures", taking(studio.sets), methods=["POST"])
    app.add_route("/model/{key:path}", model)


def _file_of(studio: Studio, key: str) -> tuple[str, bytes]:
    """The name and the content of a model as one file."""
    if (file := studio.files.find(key)) is not None:
        return file.name, file.read_bytes()
    return f"{'-'.join(key.split('/')).removesuffix('-seed-0')}.safetensors", bundle.export(studio.of_run(key))


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


def _as_file(name: str) -> str:
    """The header by which a browser keeps an answer as a file; RFC 6266 has a form for letters beyond ASCII."""
    if name.isascii():
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name)}"
