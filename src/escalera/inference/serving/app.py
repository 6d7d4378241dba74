"""One model over HTTP: `POST /predict`, `GET /models`, `/health` and `/metrics`; nothing that it is sent is kept."""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from escalera.core.errors import AbsentError, EscaleraError, nearest
from escalera.inference.serving.answer import answer
from escalera.inference.serving.guard import ApiGuard, App
from escalera.inference.serving.metrics import TYPE, Metrics, counted
from escalera.inference.serving.question import read_question, refused
from escalera.inference.serving.queue import Queue

if TYPE_CHECKING:
    from escalera.inference.files import Opened

ROUTES = {"/predict": "POST", "/models": "GET", "/health": "GET", "/metrics": "GET"}


def make_app(predictor: Opened, queue: Queue, metrics: Metrics, *, local: bool, login: str | None = None) -> App:
    """The application that asks one model, behind the guard; `/health` needs no password."""
    name = predictor.trained.name

    async def predict(request: Request) -> Response:
        try:
            question = await read_question(request)
            if question.model not in ("", name):
                raise AbsentError(
                    f"there is no model '{question.model[:100]}'; {nearest(question.model[:100], [name])}"
                )
            future = queue.submit(lambda: answer(name, predictor, question.pictures, question.attributes))
            found = await asyncio.wrap_future(future)
        except EscaleraError as error:
            return refused(error)
        return JSONResponse(found.to_json(question.top))

    async def models(request: Request) -> Response:
        return JSONResponse({"models": [describe(predictor)]})

    async def health(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def numbers(request: Request) -> Response:
        return Response(metrics.text(version("escalera"), name), media_type=TYPE)

    answers = {"/predict": predict, "/models": models, "/health": health, "/metrics": numbers}
    routes = [Route(path, answers[path], methods=[method]) for path, method in ROUTES.items()]
    guard = ApiGuard(Starlette(routes=routes), local=local, routes=ROUTES, login=login, free=frozenset(["/health"]))
    return counted(guard, metrics)


def describe(predictor: Opened) -> dict[str, Any]:
    """A model, and what a question to it has to hold; `size` is (height, width, channels) of what it sees."""
    trained = predictor.trained
    return {
        "model": trained.name,
        "classes": predictor.classes,
        "pictures": trained.data.together if trained.reads_pictures else 0,
        "size": [*trained.data.part, trained.data.channels] if trained.reads_pictures else None,
        "attributes": list(predictor.fitted.columns) if predictor.fitted else [],
    }


def warm_up(predictor: Opened) -> None:
    """Answer once, so that the first question does not wait for what is made at the first answer."""
    import numpy as np

    from escalera.data.query.images import Seen

    row = dict.fromkeys(predictor.fitted.columns) if predictor.fitted else None
    seen = Seen(np.zeros((1, *predictor.trained.data.shape), np.uint8)) if predictor.trained.reads_pictures else None
    predictor.predict(seen, row)
