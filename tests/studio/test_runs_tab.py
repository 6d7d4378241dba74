"""The tab Runs: what a page sees of a ladder that changes, of runs that are damaged, and of those that are gone."""

import os
import re
from html import unescape

import gradio as gr
import pytest

from escalera.studio.i18n import load_words
from escalera.studio.service import Studio
from escalera.studio.tabs.runs import _Viewer

MLP, CNN = "tiny/mlp/seed-0", "tiny/cnn/seed-0"
EN, ES = load_words("en"), load_words("es")


def _written_later(studio: Studio, key: str) -> None:
    file = studio.out / key / "history.jsonl"
    later = file.stat().st_mtime + 5
    os.utime(file, (later, later))


def test_each_of_two_pages_sees_what_happens_in_a_ladder(studio: Studio) -> None:
    viewer = _Viewer(studio, EN)  # both pages of a language have this one
    pages = [viewer.ladder("tiny")[-1] for _ in range(2)]
    _written_later(studio, CNN)
    for seen in pages:
        figure, _, _, _, now, plot = viewer.live(seen, ([CNN], "loss"))
        assert "cnn" in figure and "cnn" in plot
        figure, _, _, _, again, _ = viewer.live(now, ([CNN], "loss"))
        assert again == now and figure == gr.skip()


def test_new_runs_are_offered_and_chosen_and_what_a_person_chose_stays(studio: Studio) -> None:
    viewer = _Viewer(studio, EN)
    aside = studio.out / "cnn"
    (studio.out / "tiny/cnn").rename(aside)
    _, _, boxes, run, seen = viewer.ladder("tiny")
    assert (boxes["value"], run["value"]) == ([MLP], MLP)
    aside.rename(studio.out / "tiny/cnn")
    for chosen, drawn in (([MLP], [MLP, CNN]), ([], [CNN]), ([f"{MLP}{n}" for n in range(9)], [CNN])):
        _, _, boxes, run, now, plot = viewer.live(seen, (chosen, "val_loss"))
        assert boxes["value"] == drawn and "cnn" in plot
        assert [key for _, key in boxes["choices"]] == [key for _, key in run["choices"]] == [MLP, CNN] == now[2]
        assert "value" not in run
    assert "value" not in viewer.live(seen, ([MLP] * 8, "loss"))[2]
    # The first run of a ladder that had none is shown.
    _, _, _, run, *_ = viewer.live(("tiny", (), []), ([], "loss"))
    assert run["value"] == CNN


def test_damaged_files_are_told_below_the_table(studio: Studio) -> None:
    spoilt = studio.out / CNN / "predictions.parquet"
    data = bytearray(spoilt.read_bytes())
    data[len(data) // 2] ^= 1
    spoilt.write_bytes(data)
    (studio.out / MLP / "config.yaml").unlink()
    for words in (EN, ES):
        table = _Viewer(studio, words).ladder("tiny")[1]
        for place, kind, file in (("cnn", "changed", spoilt.name), ("mlp", "absent", "config.yaml")):
            told = words.say(f"fault.{kind}", file=file, place="", received="")
            assert f"{place}/seed-0: {told}" in unescape(table)
    (studio.out / CNN / "best.safetensors").unlink()
    damaged = {entry.key: entry.damaged for entry in studio.models()}
    assert damaged == {MLP: "config.yaml", CNN: "best.safetensors"}


def test_the_time_of_a_search_stands_beside_that_of_the_run(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalera.report.rung.Rung.search_seconds", 0.042)
    assert " + 42\N{NO-BREAK SPACE}ms</td>" in _Viewer(studio, EN).ladder("tiny")[1]


def test_of_a_run_that_is_gone_nothing_of_another_is_shown(studio: Studio) -> None:
    details, configuration = _Viewer(studio, EN).run("tiny/gone/seed-0")
    assert "there is no run" in details and configuration == ""


def test_a_ladder_that_is_broken_says_so_in_spanish(studio: Studio) -> None:
    many = '{"title": 3, "rungs": [{"name": 5}]}'
    for text in ("{", '{"rungs": []}', "[]", '{"rungs": [{"name": "../x"}]}', '{"rungs": 3}', many):
        (studio.out / "tiny/ladder.json").write_text(text)
        told = unescape(_Viewer(studio, ES).ladder("tiny")[0])
        assert not re.search(r"\b(the|not|could|expected|fit|Climb)\b", told), told
