"""Pieces of the page as HTML: an answer with its bars, pictures side by side, a figure. Everything from outside is
escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from escalera.core.translation import translate
from escalera.inference.serving.answer import Answer
from escalera.report.explanations import heat
from escalera.report.language import Language
from escalera.report.pictures import data_uri

TOP = 5
_FLAT = 0.05
"""A map whose places differ by no more, of 0 to 1, is of one colour to the eye: it points nowhere."""


def answer_html(
    answer: Answer,
    title: str,
    picture: NDArray[np.uint8] | None,
    map_: NDArray[np.float32] | None,
    words: Language,
    blind: str = "classify.no_map",
) -> Markup:
    """What a model says, what it saw, where it looked laid over the picture (H, W, C), and the likeliest as bars.

    `blind` is the message where it does not tell where it looked.
    """
    bars = Markup("").join(
        Markup('<li><span>{}</span><b>{}</b><i style="width:{:.1f}%"></i></li>').format(
            name, words.percent(share), 100 * share
        )
        for name, share in answer.classes[:TOP]
    )
    unknown = words.listing(list(answer.filled_in))
    filled = hint_html(words.say("classify.filled_in", names=unknown)) if unknown else ""
    note = Markup("").join(hint_html(translate(line, words.code)) for line in answer.note.splitlines())
    held = "" if answer.held is None else Markup('<p class="held">{}</p>').format(_held(answer.held, words))
    return Markup(
        '<article class="answer"><header><small>{}</small><strong>{}</strong></header>{}{}'
        '<ol class="bars">{}</ol>{}{}</article>'
    ).format(title, answer.predicted, held, _looked(answer.seen, picture, map_, words, blind), bars, filled, note)


def _held(names: Sequence[str], words: Language) -> str:
    """The classes that a row may be of: one, or that the model does not know."""
    if not names:
        return words.say("classify.set_none")
    return words.say("classify.set_one" if len(names) == 1 else "classify.set_some", names=", ".join(names))


def _looked(
    saw: NDArray[np.uint8] | None,
    picture: NDArray[np.uint8] | None,
    map_: NDArray[np.float32] | None,
    words: Language,
    blind: str,
) -> Markup:
    if saw is None or picture is None:
        return Markup("")
    seen = Markup('<figure class="seen"><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>').format(
        data_uri(saw), words.say("classify.seen"), words.say("classify.seen")
    )
    if map_ is None or np.ptp(map_) <= _FLAT:
        reason = blind if map_ is None else "classify.everywhere" if map_.any() else "classify.nowhere"
        why = words.say(reason)
        return Markup('<div class="pair">{}<p class="hint">{}</p></div>').format(seen, why)
    png = base64.b64encode(heat(np.rint(255 * map_).astype(np.uint8))).decode()
    looked = Markup(
        '<figure class="seen"><div><img src="{}" alt="">'
        '<img class="heat" src="data:image/png;base64,{}" alt="{}"></div>'
        "<figcaption>{}<br>{}</figcaption></figure>"
    ).format(
        data_uri(picture), png, words.say("classify.looked"), words.say("classify.looked"),
        words.say("classify.looked_means"),
    )  # fmt: skip
    return Markup('<div class="pair">{}{}</div>').format(seen, looked)


def pictures_html(pictures: Sequence[tuple[NDArray[np.uint8], str]], label: str) -> Markup:
    """Small pictures (H, W, C) with a line below each."""
    figures = Markup("").join(
        Markup('<figure><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>').format(
            data_uri(pixels), caption, caption
        )
        for pixels, caption in pictures
    )
    return Markup('<div class="wall" role="group" aria-label="{}">{}</div>').format(label, figures)


def error_html(text: str) -> Markup:
    """A message in the place of an answer."""
    return Markup('<p class="trouble" role="alert">{}</p>').format(text)


def hint_html(text: str) -> Markup:
    """A line of help."""
    return Markup('<p class="hint">{}</p>').format(text)
