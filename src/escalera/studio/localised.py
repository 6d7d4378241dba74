"""What gradio says by itself, in the language of the page.

gradio asks the browser for its language before it reads anything of ours, and names some controls in English alone. So
a script stands at the beginning of each page that answers for the browser, and names those controls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from escalera.inference.serving.guard import App, Message, Receive, Scope, Send
from escalera.studio.i18n import load_words

_SCRIPT = Path(__file__).with_suffix(".js")
_PAGE = re.compile(r"/(en|es)/?")
_ENGLISH, _TOLD = "gradio.", "gradio_tells."
"""What the names begin with by which our messages know gradio's English words: of controls, and sentences."""
_NEVER = {b"accept-encoding", b"if-none-match"}
"""A page is changed here: it comes whole, and not compressed."""


class Localised:
    """An application whose pages `/en/` and `/es/` begin with the script."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as the application does, a page with its script."""
        page = _PAGE.fullmatch(scope["path"]) if scope["type"] == "http" else None
        if page is None:
            await self.app(scope, receive, send)
            return
        headers = [(key, value) for key, value in scope["headers"] if key.lower() not in _NEVER]
        await self.app({**scope, "headers": headers}, receive, _Beginning(send, beginning(page[1])).send)


class _Beginning:
    """Sends an answer on, whole, with a text behind the first <head> of a page."""

    def __init__(self, send: Send, text: str) -> None:
        self._send, self._text = send, text.encode("utf-8")
        self._start: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        """Take a part of the answer; the last one sends it."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = self._body.replace(b"<head>", b"<head>" + self._text, 1)
        headers = [(key, value) for key, value in self._start["headers"] if key.lower() != b"content-length"]
        length = (b"content-length", str(len(body)).encode())
        await self._send({**self._start, "headers": [*headers, length]})
        await self._send({"type": "http.response.body", "body": body})


def beginning(code: str) -> str:
    """The script of a page in a language."""
    formats = "" if code == "en" else load_words(code).messages["upload.formats"]
    given = {"code": code, "names": names(code), "texts": names(code, _TOLD), "formats": formats}
    written = json.dumps(given, ensure_ascii=False).replace("<", "\\u003c")
    return f"<script>(\n{_SCRIPT.read_text(encoding='utf-8')})({written})</script>"


def names(code: str, kind: str = _ENGLISH) -> Mapping[str, str]:
    """gradio's names in English, and ours in a language; none for English itself."""
    english, ours = load_words("en").messages, load_words(code).messages
    return {text: ours[key] for key, text in english.items() if key.startswith(kind) and ours[key] != text}
