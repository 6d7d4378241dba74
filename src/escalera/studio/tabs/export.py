"""A model as one file to take along: in which form, what was found out about the file, and the file itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from escalera.core.errors import EscaleraError
from escalera.core.language import load_words
from escalera.core.translation import translate
from escalera.inference.files import of_folds
from escalera.report.language import Language
from escalera.studio.i18n import HintError
from escalera.studio.service import Studio
from escalera.studio.tabs.shared import BUSY, LATEST, QUIET, telling

_ENDINGS = {"safetensors": ".safetensors", "onnx": ".onnx", "int8": "-int8.onnx"}
"""The forms of a file, and how its name ends."""


def export(studio: Studio, words: Language, model: gr.Dropdown, name: str) -> Any:
    """Lay out the part for the model that a dropdown has chosen; `name` begins what its parts are called.

    Gives the event of another model.
    """
    exporter = Exporter(studio, words)
    form = gr.Radio(
        [(words.say(f"export.form.{one}"), one) for one in _ENDINGS], value="safetensors",
        label=words.say("export.form"), elem_id=f"{name}-form",
    )  # fmt: skip
    start = gr.Button(words.say("export.start"), min_width=110, size="md", elem_id=f"{name}-export", interactive=False)
    lines = gr.HTML(visible=False, elem_id=f"{name}-told")
    file = gr.DownloadButton(words.say("export.file"), visible=False, elem_id=f"{name}-exported")
    hidden = (gr.update(visible=False),) * 2
    start.click(exporter.export, [model, form], [lines, file], **BUSY)
    form.change(lambda: hidden, None, [lines, file], **QUIET, **LATEST)
    return model.change(
        lambda key: (*hidden, gr.update(interactive=bool(key))), model, [lines, file, start], **QUIET, **LATEST
    )


class Exporter:
    """The event of the part."""

    def __init__(self, studio: Studio, words: Language) -> None:
        self.studio = studio
        self.words = words
        self.export = telling(words)(self._export)

    def _export(self, key: str | None, form: str) -> tuple[Any, Any]:
        """What was found out, and the file, written as `escalera export` writes it."""
        if not key:
            raise HintError(self.words.say("pictures.js.no_model"))
        if form not in _ENDINGS:
            raise EscaleraError(f"expected one of {', '.join(_ENDINGS)} as the form of a model, received '{form:.60}'")
        run = self.studio.run(key).path
        ladder, rung, seed = run.parts[-3:]
        name = "-".join([ladder, rung] + ([] if seed == "seed-0" else [seed]))
        path = self.studio.new_folder() / f"{name}{_ENDINGS[form]}"
        lines = self._write(key, path, form) + [translate(note, self.words.code) for note in of_folds(run)]
        return gr.update(value=lines_html(lines), visible=True), gr.update(value=str(path), visible=True)

    def _write(self, key: str, path: Path, form: str) -> list[str]:
        from escalera.inference.onnx_summary import size_of, summary_of

        trained = self.studio.of_run(key)
        if form == "safetensors":
            from escalera.inference.bundle import write_file

            write_file(trained, path)
            return [size_of(path.stat().st_size, load_words(self.words.code, "inference"))]
        from escalera.inference.onnx_export import write_onnx

        written = write_onnx(trained, path, data_root=self.studio.data_root, int8=form == "int8")
        return summary_of(written, self.words.code)


def lines_html(lines: Sequence[str]) -> Markup:
    """What was found out, a line each."""
    items = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
    return Markup('<ul class="told" role="status">{}</ul>').format(items)
