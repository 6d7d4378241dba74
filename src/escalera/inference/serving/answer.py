"""What a model says of one row, as it is shown and sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from escalera.inference.files import Opened


@dataclass(frozen=True)
class Answer:
    """What a model says of a row: every class with its probability, the likeliest first.

    `seen` (H, W, C) is what it saw, None where it saw no picture; `label` is the place of the likeliest class;
    `row` are the attributes that it was given, and `filled_in` those of them that are not known; `note` is what is odd,
    a line each; `held` are the classes that it may be of, None where the model's ladder asked for no coverage.
    """

    model: str
    classes: list[tuple[str, float]]
    label: int
    seen: NDArray[np.uint8] | None
    row: Mapping[str, Any] | None = None
    filled_in: Sequence[str] = ()
    note: str = ""
    held: list[str] | None = None

    @property
    def predicted(self) -> str:
        """The likeliest class."""
        return self.classes[0][0]

    def to_json(self, top: int = 5) -> dict[str, Any]:
        """What the HTTP interface answers."""
        return {
            "model": self.model,
            "class": self.predicted,
            "probability": self.classes[0][1],
            "classes": [{"name": name, "probability": share} for name, share in self.classes[:top]],
            "filled_in": list(self.filled_in),
            "note": self.note or None,
            **({} if self.held is None else {"set": self.held}),
        }


def answer(model: str, predictor: Opened, pictures: Sequence[bytes], attributes: Mapping[str, Any] | None) -> Answer:
    """Ask about the pictures of one row, as files, and its attributes; raises DataError for what cannot be taken."""
    import numpy as np

    from escalera.data.query.images import Seen
    from escalera.inference.attributes import unseen

    predictor.trained.check_pictures(bool(pictures))
    seen = predictor.intake.row(pictures) if pictures else None
    shares = predictor.predict(None if seen is None else Seen(seen[None]), attributes)[0]
    order = np.argsort(-shares, kind="stable")
    classes = predictor.classes
    ranked = [(classes[k], float(shares[k])) for k in order]
    strange = "" if seen is None else predictor.intake.strange(int(seen.max()))
    notes = [*([strange] if strange else []), *unseen(predictor.fitted, [attributes] if attributes else [])]
    filled_in, held = predictor.filled_in(attributes), predictor.set_of(shares)
    return Answer(model, ranked, int(order[0]), seen, attributes, filled_in, "\n".join(notes), held)
