"""The page in both languages, the HTTP interface beside it, and the server."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

# Before gradio is imported: it would report its start to its makers otherwise.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import gradio as gr
from fastapi import FastAPI
from gradio.utils import get_upload_folder

from escalera.inference.serving.guard import HERE, LARGEST_UPLOAD
from escalera.inference.serving.http import listen, run
from escalera.report.language import LANGUAGES, Language
from escalera.studio import tabs
from escalera.studio.api import add_routes
from escalera.studio.guard import Guard
from escalera.studio.i18n import load_words
from escalera.studio.localised import Localised
from escalera.studio.service import Studio

_STYLE = Path(__file__).parent / "studio.css"
_NAMES = {"en": "English", "es": "Español"}


def make_app(studio: Studio, *, local: bool = True, login: str | None = None) -> Guard:
    """The whole studio as an ASGI application: a page for each language, behind the guard."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, studio)
    inputs: dict[str, int] = {}
    for code in LANGUAGES:
        page = _page(studio, load_words(code))
        inputs |= _inputs(page)
        gr.mount_gradio_app(
            app,
            page,
            f"/{code}",
            footer_links=[],
            run_history=False,
            show_error=False,
            max_file_size=LARGEST_UPLOAD,
            theme=_theme(),
            head=f"<style>{_STYLE.read_text(encoding='utf-8')}</style>",  # as css gradio would rewrite its selectors
        )
    uploads = Path(get_upload_folder())
    return Guard(Localised(app), local=local, uploads=uploads, inputs=inputs, login=login)


def _page(studio: Studio, words: Language) -> gr.Blocks:
    page: gr.Blocks
    with gr.Blocks(title=words.say("studio.title"), analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.HTML(_header(words), elem_id="header")
        with gr.Tabs(overflow_behavior="wrap"):  # all of them are seen on a phone, too
            tabs.classify(studio, words)
            tabs.pictures(studio, words)
            tabs.runs(studio, words)
            tabs.data(studio, words)
            tabs.climb(studio, words)
    page.queue(max_size=64, default_concurrency_limit=4)
    return page


def _inputs(page: gr.Blocks) -> dict[str, int]:
    """How many values each function of a page takes, by its number and, where anybody may ask it, by its name."""
    functions = page.config["dependencies"]
    named = {found["api_name"]: len(found["inputs"]) for found in functions if found["api_visibility"] == "public"}
    return {str(found["id"]): len(found["inputs"]) for found in functions} | named


def _header(words: Language) -> str:
    links = "".join(
        f'<a href="../{code}/" hreflang="{code}" lang="{code}"'
        f"{' aria-current=true' if code == words.code else ''}"
        f" onclick=\"document.cookie='language={code};path=/;max-age=31536000;samesite=strict'\">{_NAMES[code]}</a>"
        for code in LANGUAGES
    )
    return (
        f"<div><h1>Escalera</h1><p>{words.say('studio.tagline')}</p></div>"
        f'<nav aria-label="{words.say("studio.language")}">{links}</nav>'
    )


def _theme() -> gr.themes.Base:
    fonts = ("ui-sans-serif", "system-ui", "Liberation Sans", "sans-serif")
    theme = gr.themes.Default(
        primary_hue=gr.themes.colors.blue, font=fonts, font_mono=("ui-monospace", "Consolas", "monospace")
    )
    # gradio's own are fainter than 4.5 to 1 (WCAG 1.4.3).
    return theme.set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_cancel_background_fill="*error_700",
        button_cancel_background_fill_hover="#991b1b",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )


def serve(
    studio: Studio,
    *,
    host: str,
    port: int,
    login: str | None = None,
    ready: Callable[[str], object] = print,
) -> None:
    """Serve the studio until it is stopped; `ready` is told the address once the page answers."""
    local = host in HERE
    # A folder of one's own for what is uploaded: gradio's is that of everybody on the machine.
    os.environ.setdefault("GRADIO_TEMP_DIR", str(studio.uploads))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        app = make_app(studio, local=local, login=login)

    def started(address: str) -> None:
        ready(address)
        threading.Thread(target=_warm_up, daemon=True).start()

    try:
        run(app, listen(host, port), ready=started)
    finally:
        studio.close()


def _warm_up() -> None:
    """Load what the first answer needs while the person still looks at the page."""
    import escalera.inference.predictor  # noqa: F401
