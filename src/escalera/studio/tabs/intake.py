"""Parts of the page with a script of their own: what sends pictures into a set, and what asks a model live."""

from __future__ import annotations

import json
from pathlib import Path

from markupsafe import Markup

from escalera.report.language import Language

_SCRIPTS = Path(__file__).parent / "scripts"
_SAID = (
    "no_set", "sending", "taken", "known", "refused", "too_large", "gone", "no_camera", "on", "off", "shot",
    "no_model", "trouble",
)  # fmt: skip


def script(*names: str) -> str:
    """The script of a part, of one file or several, for gradio's `js_on_load`."""
    return "".join((_SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in names)


def intake_html(words: Language) -> Markup:
    """Where files and folders are dropped or chosen, and the camera with its consent, preview and button."""
    say = words.say
    return Markup(
        '<div class="intake" data-words="{said}">'
        '<div class="drop" data-part="drop"><p>{drop}</p><div class="links">'
        '<label class="button">{files}<input type="file" multiple accept="image/*,.zip" data-part="files"></label>'
        '<label class="button">{folder}<input type="file" webkitdirectory data-part="folder"></label></div></div>'
        '<div class="camera"><p class="hint">{consent_help}</p>'
        '<label><input type="checkbox" data-part="consent"> {consent}</label>'
        '<div class="links"><button type="button" class="button" data-part="power" disabled>{on}</button></div>'
        '<video data-part="video" muted playsinline hidden aria-label="{preview}"></video>'
        '<button type="button" class="button hold" data-part="burst" hidden>{hold}</button>'
        '<div class="shots" data-part="shots" aria-hidden="true"></div></div>'
        '<p class="said" role="status" data-part="said"></p><ul class="trouble-list" data-part="refused"></ul></div>'
    ).format(
        said=_words(words), drop=say("pictures.drop"), files=say("pictures.files"), folder=say("pictures.folder"),
        consent_help=say("pictures.consent_help"), consent=say("pictures.consent"), on=say("pictures.js.on"),
        preview=say("pictures.preview"), hold=say("pictures.hold"),
    )  # fmt: skip


def live_html(words: Language) -> Markup:
    """A model that answers to the camera, or to a file; grey until the script finds that there is one."""
    say = words.say
    return Markup(
        '<div class="live" data-words="{said}"><div class="links">'
        '<button type="button" class="button" data-part="power" disabled>{on}</button>'
        '<label class="button" aria-disabled="true">{file}'
        '<input type="file" accept="image/*" data-part="file" disabled></label></div>'
        '<div class="pair"><div class="seen"><video data-part="video" muted playsinline hidden aria-label="{preview}">'
        '</video><img data-part="still" alt="{still}" hidden></div>'
        '<div class="answer"><header><strong data-part="answer"></strong></header>'
        '<ol class="bars" data-part="bars"></ol></div></div><p class="said" role="status" data-part="said"></p></div>'
    ).format(
        said=_words(words), on=say("pictures.js.on"), file=say("pictures.file"), preview=say("pictures.preview"),
        still=say("classify.picture"),
    )  # fmt: skip


def target_html(name: str, called: str, words: Language, folder: str) -> Markup:
    """Where pictures go: for the script, and as the folder on this machine for people."""
    where = words.say("pictures.where", folder=folder) if folder else words.say("pictures.none")
    return Markup('<p class="hint" data-set="{}" data-class="{}" data-language="{}">{}</p>').format(
        name, called, words.code, where
    )


def model_html(key: str, words: Language) -> Markup:
    """Which model is asked, for the script."""
    return Markup('<span data-model="{}"></span>').format(key)


def _words(words: Language) -> str:
    return json.dumps({name: words.messages[f"pictures.js.{name}"] for name in _SAID}, ensure_ascii=False)
