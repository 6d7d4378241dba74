"""What happens in the tab `classify`: a row is asked about, an example drawn, a model opened, a table made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from escalera.core.errors import DataError, EscaleraError
from escalera.core.translation import translate
from escalera.data.mosaic import parts
from escalera.data.value import as_text
from escalera.inference.files import of_folds
from escalera.inference.onnx_model import About
from escalera.inference.serving.json_text import dump_json
from escalera.inference.serving.question import NO_MODEL, read_attributes, read_top
from escalera.report.language import Language
from escalera.studio.form import form
from escalera.studio.i18n import HintError, translated
from escalera.studio.parts import answer_html, error_html, hint_html, pictures_html
from escalera.studio.samples import Samples
from escalera.studio.service import Studio
from escalera.studio.sheet import Cell, sheet
from escalera.studio.table import COLUMNS, PROBABILITIES, table, to_csv
from escalera.studio.tabs.shared import choices, content, telling

if TYPE_CHECKING:
    from escalera.studio.model_files import Known


class Asker:
    """The events of the tab `classify`."""

    def __init__(self, studio: Studio, words: Language) -> None:
        self.studio = studio
        self.words = words
        self.samples = Samples(studio)
        self.open = telling(words)(self._open)
        self.example = telling(words)(self._example)
        self.several = telling(words)(self._several)
        self.adapt = telling(words)(self._adapt)
        self.predict = telling(words, page=False)(self._predict)

    def ask(
        self,
        model: str | None,
        other: str,
        picture: str | None,
        pictures: list[str] | None,
        attributes: list[list[Any]],
        near: bool,
        truth: tuple[str, str] | None,
    ) -> str:
        """The answers of one model or two, as HTML."""
        if not model:
            return hint_html(self.words.say("studio.nothing_here"))
        answers = []
        for key in dict.fromkeys(filter(None, (model, other))):
            try:
                lacks = self._lacks(model, key)
                answers.append(hint_html(lacks) if lacks else self._answer(key, picture, pictures, attributes, near))
            except EscaleraError as error:
                answers.append(error_html(translated(error, self.words)))
        if not any(answers):
            return hint_html(self.words.say("classify.waiting"))
        return self._known(model, truth) + Markup('<div class="answers">{}</div>').format(Markup("").join(answers))

    def _answer(
        self, key: str, picture: str | None, pictures: list[str] | None, attributes: list[list[Any]], near: bool
    ) -> Markup:
        trained = self.studio.trained(key)
        several = trained.data.together > 1
        given = [content(path) for path in (pictures or [])] if several else [content(picture)] if picture else []
        if trained.reads_pictures and not given:
            return Markup("")
        columns = {field.column for field in form(trained, self.words)}
        given_row = {name: value for name, value in _row(attributes).items() if name in columns}
        row = given_row if trained.reads_attributes else None
        answer = self.studio.classify(key, given if trained.reads_pictures else [], row).result()
        map_ = self.studio.explain(answer).result()
        shown = self.studio.enlarged(key, given) if trained.reads_pictures else None
        title = self._title(key)
        blind = "classify.no_map_onnx" if isinstance(trained, About) else "classify.no_map"
        # Beside several models each answer has to be one element, with all that belongs to it.
        folds = [hint_html(translate(note, self.words.code)) for note in of_folds(self.studio.out / key)]
        html = answer_html(answer, title, shown, map_, self.words, blind)
        if folds:
            html = Markup("<div>{}{}</div>").format(html, Markup("").join(folds))
        if not near:
            return html
        try:
            found = self.samples.near(answer)
        except EscaleraError as error:
            return Markup("<div>{}{}</div>").format(html, error_html(translated(error, self.words)))
        caption = self.words.say(
            "classify.nearest_of", looked=self.words.number(found.looked), rows=self.words.number(found.rows)
        )
        wall = pictures_html([(sample.pixels, sample.name) for sample in found.samples], caption)
        # One element a model, so that the pictures stay below their model's answer where two stand side by side.
        return Markup("<div>{}<h4>{}</h4>{}</div>").format(html, caption, wall)

    def _title(self, key: str) -> str:
        """What a person knows a model by."""
        return next((entry.label for entry in self.studio.models() if entry.key == key), key)

    def _lacks(self, first: str, other: str) -> str:
        """What the page says of a model beside the first one, whose form does not ask for what it reads; else ""."""
        if first == other:
            return ""
        one, two = (self.studio.trained(key) for key in (first, other))
        say, what = self.words.say, []
        count = two.data.together
        if two.reads_pictures and not (one.reads_pictures and one.data.together == count):
            images = say("classify.reads.images", n=self.words.number(count))
            what.append(images if count > 1 else say("classify.reads.image"))
        columns = [{field.column for field in form(model, self.words)} for model in (one, two)]
        if two.reads_attributes and not columns[1] <= columns[0]:
            what.append(say("classify.reads.attributes"))
        listed = self.words.listing(what)
        return say("classify.reads", model=self._title(other), what=listed) if what else ""

    def stale(self, model: str | None, answered: str | None) -> tuple[Any, Any]:
        """Take the table away once another model is chosen than the one that answered."""
        return (gr.skip(), gr.skip()) if model == answered else ("", gr.update(visible=False))

    def _adapt(self, model: str | None) -> tuple[Any, Any, Any]:
        """Show what the model needs: one picture or several, and the attributes of the row."""
        if not model:
            return gr.skip(), gr.skip(), gr.skip()
        trained = self.studio.trained(model)
        several = trained.data.together > 1
        label = self.words.say("classify.pictures", columns=", ".join(trained.data.several)) if several else ""
        rows = self._form(trained, {})
        return (
            gr.update(visible=trained.reads_pictures and not several),
            gr.update(visible=trained.reads_pictures and several, label=label),
            gr.update(visible=bool(rows), value=rows),
        )

    def _form(self, trained: Known, row: Mapping[str, Any]) -> list[list[str]]:
        """A line for each attribute that the model reads: the row's value, or the usual one."""
        return [
            [field.column, as_text(row.get(field.column, field.usual)), field.fits]
            for field in form(trained, self.words)
        ]

    def _known(self, model: str, truth: tuple[str, str] | None) -> Markup:
        """What the row is, where it is an example."""
        try:
            if truth and truth[1] == self._needs(model):
                return hint_html(self.words.say("classify.truth", name=truth[0]))
        except EscaleraError:
            pass  # the model is gone, as the answer says
        return Markup("")

    def _needs(self, key: str) -> str:
        """What a model is asked about, in one word: an example of one is an example of another that needs the same."""
        trained = self.studio.trained(key)
        pictures = trained.data.image_columns if trained.reads_pictures else None
        return f"{trained.data.source} {pictures} {trained.reads_pictures} {trained.reads_attributes}"

    def _example(self, model: str | None) -> tuple[Any, Any, Any, Any]:
        """A row of the test set: its picture or pictures, its attributes, and what it is."""
        if not model:
            return gr.skip(), gr.skip(), gr.skip(), None
        trained = self.studio.trained(model)
        sample = self.samples.some(model, "test")[0]
        count = trained.data.together
        seen = [pixels[..., 0] if pixels.shape[2] == 1 else pixels for pixels in parts(sample.pixels, count)]
        single = trained.reads_pictures and count == 1
        rows = self._form(trained, sample.attributes)
        return (
            seen[0] if single else gr.skip(),
            self._files(trained, seen) if trained.reads_pictures and count > 1 else gr.skip(),
            rows if rows else gr.skip(),
            (sample.name, self._needs(model)),
        )

    def _files(self, trained: Known, pictures: Sequence[NDArray[np.uint8]]) -> list[str]:
        """Pictures as files called by their columns."""
        folder = self.studio.new_folder()
        files = [folder / f"{column}.png" for column in trained.data.several]
        for file, pixels in zip(files, pictures, strict=True):
            Image.fromarray(pixels).save(file)
        return [str(file) for file in files]

    def _open(self, path: str | None) -> tuple[Any, Any]:
        if not path:
            return gr.skip(), gr.skip()
        entry = self.studio.files.open(content(path), Path(path).name)
        found = choices(self.studio.models())
        return gr.update(choices=found, value=entry.key), gr.update(
            choices=[(self.words.say("classify.none"), ""), *found]
        )

    def _several(self, model: str | None, files: list[str] | None) -> tuple[Any, Any, str]:
        if not model or not files:
            raise HintError(self.words.say("classify.no_files" if model else "studio.nothing_here"))
        named = ((Path(path).name, content(path)) for path in files)
        rows = table(self.studio, model, named, self.words.code)
        path = self.studio.new_folder() / "escalera.csv"
        path.write_text(to_csv(rows), encoding="utf-8")
        heads = [self.words.say(f"column.{name}") for name in COLUMNS]
        cells = [[self._cell(name, row[name]) for name in COLUMNS] for row in rows]
        whole = sheet(heads, cells, self.words.say("classify.table"))
        return whole, gr.update(value=str(path), visible=True), model

    def _predict(self, model: Any, pictures: list[str] | None, attributes: Any = None, top: Any = None) -> Any:
        """What a model of GET /models says of the pictures of one row, and of its attributes, as over HTTP."""
        if not isinstance(model, str) or not model:
            raise DataError(NO_MODEL)
        # A program may write 5 as 5.0.
        written = dump_json(int(top) if isinstance(top, float) and top.is_integer() else top).decode()
        count = read_top("5" if top is None else written)
        row = None if attributes is None else read_attributes(dump_json(attributes).decode())
        return self.studio.classify(model, [content(path) for path in pictures or []], row).result().to_json(count)

    def _cell(self, name: str, value: str | float | None) -> Cell:
        if name in PROBABILITIES:  # that of a picture which was not read is no number: it is sorted behind the others
            return (self.words.percent(value), value) if isinstance(value, float) else ("", None)
        return str(value or "")


def _row(attributes: list[list[Any]]) -> Mapping[str, Any]:
    """The form as {column: value}; an empty value is a missing one."""
    return {str(line[0]): None if line[1] in ("", None) else line[1] for line in attributes}
