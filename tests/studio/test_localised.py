"""What gradio says by itself: a page begins with a script in its language, and the rest is left alone."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from escalera.studio.i18n import load_words
from escalera.studio.localised import Localised, beginning, names


async def _application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] in ("/es/", "/es"):
        assert scope["headers"] == []  # nothing compressed
    body = b"<!doctype html><html><head><title>a head: <head></title></head></html>"
    headers = [(b"content-type", b"text/html"), (b"Content-Length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body[:20], "more_body": True})
    await send({"type": "http.response.body", "body": body[20:]})


def asked(path: str) -> tuple[dict[bytes, bytes], bytes]:
    """The headers and the body of an answer."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": [(b"accept-encoding", b"br")]}
    asyncio.run(Localised(_application)(scope, None, send))  # type: ignore[arg-type]
    return {key.lower(): value for key, value in sent[0]["headers"]}, b"".join(part["body"] for part in sent[1:])


@pytest.mark.parametrize("path", ["/es/", "/es"])
def test_a_page_begins_with_its_language(path: str) -> None:
    headers, body = asked(path)
    text = body.decode()
    assert text.startswith("<!doctype html><html><head><script>(")
    assert text.count("<script>") == text.count("</script>") == 1
    assert '{"code": "es", "names": {"Upload file": "Subir un archivo"' in text
    assert '"texts": {"Connection to the server was lost. Attempting reconnection...": "El estudio no responde.' in text
    assert headers[b"content-length"] == str(len(body)).encode()


@pytest.mark.parametrize("path", ["/", "/models", "/es/x", "/english/", "/es/config"])
def test_what_is_no_page_is_left_alone(path: str) -> None:
    headers, body = asked(path)
    assert b"<script>" not in body and headers[b"content-length"] == str(len(body)).encode()


def test_english_needs_no_names() -> None:
    assert names("en") == {}
    assert beginning("en").endswith(')({"code": "en", "names": {}, "texts": {}, "formats": ""})</script>')


def test_a_name_ends_no_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalera.studio.localised.names", lambda code, kind="": {"a": "</script><b>"})
    assert beginning("es").count("</script>") == 1


def test_gradio_still_calls_them_so() -> None:
    gradio = pytest.importorskip("gradio")
    assets = Path(gradio.__file__).parent / "templates" / "frontend" / "assets"
    text = "\n".join(path.read_text(encoding="utf-8") for path in assets.glob("*.js"))
    # What localised.js looks for in its messages.
    assert "Invalid file type${" in text and "Only ${" in text and "} allowed.`" in text
    english = [name for key, name in load_words("en").messages.items() if key.startswith(("gradio.", "gradio_tells."))]
    assert len(english) > 1 and [name for name in english if f'"{name}"' not in text and f"`{name}`" not in text] == []
