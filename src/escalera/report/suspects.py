"""The section of `explore --labels`: pictures whose label is likely wrong, and which classes are taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from escalera.core.language import Language
from escalera.data.explore.source import Explored
from escalera.report.pictures import data_uri

_SHOWN = 60
"""Suspects of a split that the page shows; the table has all."""
_PAIRS = 12
_LEAST = 0.005
"""Share of a class from which a confusion is listed."""


def suspects_section(
    found: Explored, facts: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], language: Language
) -> dict[str, Any]:
    """What the template shows: the sentences, the gallery of each split, and the pairs that are mixed up most.

    `facts` are those of explore.json, `lines` the suspects with their `index` among the pictures of their split.
    """
    say, train = language.say, facts["splits"]["train"]["rows"]
    labels = facts["labels"]
    count = language.count(labels["suspects"]["train"], "image")
    by = say("labels.by_weights", name=labels["by"]) if labels["by"] else say("labels.by_network")
    galleries = []
    for split in labels["suspects"]:
        some = [line for line in lines if line["split"] == split]
        if some:
            shown = [(line, _picture(found, line)) for line in some[:_SHOWN]]
            galleries.append({"split": split, "shown": shown, "more": len(some) - len(shown)})
    return {
        "text": say(
            "labels.text",
            images=count,
            share=language.percent(labels["suspects"]["train"] / train),
            estimate=language.percent(labels["share"]),
        ),
        "how": say("labels.how", by=by, folds=labels["folds"], accuracy=language.percent(labels["accuracy"])),
        "test": [split for split, number in labels["suspects"].items() if split != "train" and number],
        "galleries": galleries,
        "pairs": _pairs(facts["classes"], labels["matrix"]),
    }


def _pairs(classes: Sequence[str], matrix: Sequence[Sequence[float]]) -> list[tuple[str, str, float]]:
    """Which class is labelled as which other, and how often, the most frequent first."""
    shares = np.array(matrix)
    np.fill_diagonal(shares, 0)
    cells = np.argsort(-shares, axis=None, kind="stable")[:_PAIRS]
    places = [divmod(int(cell), len(classes)) for cell in cells]
    return [(classes[i], classes[j], float(shares[i, j])) for i, j in places if shares[i, j] >= _LEAST]


def _picture(found: Explored, line: Mapping[str, Any]) -> str:
    split, index = line["split"], line["index"]
    return data_uri(np.asarray(found.images.splits[split].images[index]), found.size(split, index))
