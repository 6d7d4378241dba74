"""The table of model kinds: what follows from it, and that each section and the function of its name agree."""

from importlib import import_module
from inspect import signature

import pytest

from escalera.ladder import schema
from escalera.ladder.catalogue import kinds
from escalera.ladder.fields import section, tagged

BODIES = [kind for kind in schema.KINDS if issubclass(kind, schema.Body)]


def words(*bases: type[schema.Model]) -> set[str]:
    return {kind.word() for kind in schema.KINDS if issubclass(kind, bases)}


def chosen(name: str, key: str) -> set[str]:
    node = section(name)["properties"][key]
    choice = tagged(node.get("additionalProperties", node))
    assert choice is not None
    return set(choice[1])


def test_a_key_takes_the_kinds_below_its_class() -> None:
    assert chosen("RungConfig", "model") == words(schema.Model)
    assert chosen("Votes", "like") == words(schema.Net) == words(schema.Model) - {"votes"}
    assert chosen("Fusion", "branches") == words(schema.Branch) == words(schema.Net) - {"fusion"}
    assert chosen("Transfer", "like") == words(schema.Body) == words(schema.Branch) - {"transfer"}


def test_every_kind_of_the_table_is_listed_and_has_a_word_of_its_own() -> None:
    assert sorted(kind["kind"] for kind in kinds()) == sorted([*words(schema.Model), "head"])
    called = [word for kind in schema.KINDS for word in (kind.word(), *kind.also_called)]
    assert len(called) == len(set(called))


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.word())
def test_the_function_of_a_body_asks_for_what_its_section_has(kind: type[schema.Body]) -> None:
    make = getattr(import_module(f"escalera.models.{kind.word()}"), kind.word())
    keys = set(signature(make).parameters) - {"image_shape", "attributes"}
    assert keys == set(kind.model_fields) - {"kind", "l2", "head", "weights", "trainable", "norm", "init", "whitening"}


def test_a_class_that_others_stand_below_reads_any_of_them() -> None:
    assert schema.Model.model_validate({"kind": "mlp", "dense": [3]}) == schema.Mlp(kind="mlp", dense=[3])


def test_what_a_model_reads_is_what_its_parts_read() -> None:
    row, photo = schema.Table(kind="table", dense=[3]), schema.Mlp(kind="mlp", dense=[2])
    weights = schema.Weights(**{"from": "x"})
    transfer = schema.Transfer(kind="transfer", weights=weights)
    votes = schema.Votes(kind="votes", features=weights)
    found = {
        (model.kind, like and like.kind): (model.reads_pictures, model.reads_attributes)
        for like in (None, row, photo)
        for model in (transfer.model_copy(update={"like": like}), votes.model_copy(update={"like": like}))
    }
    assert found == {
        ("transfer", None): (True, False),
        ("votes", None): (True, False),
        ("transfer", "table"): (False, True),
        ("votes", "table"): (False, True),
        ("transfer", "mlp"): (True, False),
        ("votes", "mlp"): (True, False),
    }
    both = schema.Fusion(kind="fusion", branches={"row": row, "photo": photo})
    rows = schema.Fusion(kind="fusion", branches={"row": row, "other": row})
    assert (both.reads_pictures, both.reads_attributes) == (True, True)
    assert (rows.reads_pictures, rows.reads_attributes) == (False, True)


def test_only_what_trains_has_parts() -> None:
    weights = schema.Weights(**{"from": "x"})
    votes = schema.Votes(kind="votes", features=weights)
    assert (votes.trains, votes.parts, votes.starts_from) == (False, {}, {"features": weights})
    assert all(kind.trains for kind in schema.KINDS if kind is not schema.Votes)
    with pytest.raises(AssertionError, match="inherit"):
        _ = votes.net
