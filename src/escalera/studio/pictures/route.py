"""`POST /pictures`: a picture or a zip for a set, from the page; what became of it as JSON, in the page's language."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from escalera.core.errors import EscaleraError
from escalera.core.language import LANGUAGES
from escalera.core.translation import translate
from escalera.studio.i18n import load_words
from escalera.studio.pictures.intake import take
from escalera.studio.pictures.sets import PictureSets


def taking(sets: PictureSets) -> Callable[[Request], Awaitable[Response]]:
    """What answers: the query names `set`, `class`, `path` and `language`, the body is the file."""

    async def pictures(request: Request) -> Response:
        name, called, path, code = (request.query_params.get(key, "") for key in ("set", "class", "path", "language"))
        words = load_words(code if code in LANGUAGES else LANGUAGES[0])
        content = await request.body()
        try:
            found = await asyncio.to_thread(take, sets, name, called, path, content)
        except EscaleraError as error:
            return JSONResponse({"error": translate(str(error), words.code)}, 422)
        return JSONResponse(found.to_json(words))

    return pictures
