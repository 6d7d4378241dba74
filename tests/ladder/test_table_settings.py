"""What a ladder says of a table, and what is told when it cannot be meant."""

from typing import Any

import pytest

from escalera.ladder.explain import mistakes
from escalera.ladder.schema import Attributes, Best, Data


def told(**settings: object) -> list[str]:
    return [f"{'.'.join(map(str, m.path))}: {m.message}" for m in mistakes(Data, {"source": "houses", **settings})]


def test_attributes_by_name_and_by_kind() -> None:
    assert Data.model_validate({"source": "x", "attributes": ["area"]}).attributes == ["area"]
    data = Data.model_validate({"source": "x", "attributes": {"categorical": ["zip"]}, "select": {"best": 2}})
    assert data.attributes == Attributes(categorical=["zip"])
    assert data.select == Best(best=2)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"target": "price"}, ": expected target and bands together, received no bands"),
        ({"bands": 4}, ": expected target and bands together, received no target"),
        ({"target": "price", "bands": 1}, "bands: expected a whole number of at least 2, received 1"),
        (
            {"target": "price", "bands": 4, "label_column": "kind"},
            ": expected either the column of the classes or a target to cut",
        ),
        (
            {"attributes": {"numeric": ["area", "zip"], "categorical": ["zip"]}},
            "attributes: expected each column once, received 'zip' in both",
        ),
        ({"attributes": {"numerical": []}}, "attributes.numerical: unknown key 'numerical'; did you mean 'numeric'?"),
        (
            {"attributes": "area"},
            "attributes: expected a list of texts or a mapping such as {numeric: ...}, received 'area'",
        ),
        ({"select": {"best": 0}}, "select.best: expected a whole number of at least 1, received 0"),
        ({"select": {"worst": 1}}, "select.worst: unknown key 'worst'; known: best"),
    ],
)
def test_what_cannot_be_meant(settings: dict[str, Any], text: str) -> None:
    assert text in told(**settings)
