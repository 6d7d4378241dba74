"""What a person is told of the classes of a set before anything is trained."""

from typing import Any

import pytest

from escalera.experiment.auto.text import words_of
from escalera.experiment.survey import found_in, sentences_of


def _facts(counts: dict[str, int]) -> dict[str, Any]:
    duplicates = {"in_train": {}, "pairs_by_split": [], "conflicts": 0}
    rows = {"train": {"rows": sum(counts.values()), "classes": counts}}
    return {"splits": rows, "duplicates": duplicates, "bad": []}


@pytest.mark.parametrize(
    ("counts", "english", "spanish"),
    [
        ({"hat": 40, "dress": 24}, "Rows of 'dress' to learn from: 24; expect", "Filas de «dress» de las que"),
        (
            {"dress": 24, "hat": 24, "shoes": 24},
            "Classes with fewer than 30 rows to learn from: 3 of 3; 'dress' has the fewest, 24. Expect little of them.",
            "Clases con menos de 30 filas de las que aprender: 3 de 3; la que menos, «dress», con 24.",
        ),
        ({"dress": 29, "hat": 20, "shoes": 30}, "to learn from: 2 of 3; 'hat' has the fewest, 20.", ": 2 de 3; la que"),
    ],
)
def test_classes_with_few_rows_are_counted(counts: dict[str, int], english: str, spanish: str) -> None:
    for code, text in (("en", english), ("es", spanish)):
        assert text in " ".join(sentences_of(found_in(_facts(counts)), words_of(code)))
    assert not any("few" in str(key) for key, *_ in found_in(_facts(dict.fromkeys(counts, 30))))
