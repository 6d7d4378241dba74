"""The model card of a run: what it says, in both languages, and metadata that the hub's own reader takes."""

import json
import re
import shutil
import sys
from pathlib import Path
from string import Formatter

import pytest
import yaml
from huggingface_hub import ModelCard

from escalera import cli
from escalera.core.errors import RunError
from escalera.core.language import load_words
from escalera.core.rundir import RunDir
from escalera.inference.card import card

OLD = Path(__file__).parent / "fixtures" / "old"
EN, ES = load_words("en", "inference"), load_words("es", "inference")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD / "cnn", tmp_path / "digits" / "cnn"))


@pytest.mark.parametrize("kind", ["cnn", "transfer", "votes"])
@pytest.mark.parametrize("language", ["en", "es"])
def test_a_card_is_read_by_the_hub_and_says_what_the_run_knows(kind: str, language: str) -> None:
    run = RunDir(OLD / kind / "seed-0")
    found = ModelCard(card(run, language))
    scores = json.loads(run.metrics.read_text())["test"]
    results = {one.metric_type: one.metric_value for one in found.data.get("eval_results")}
    assert results["accuracy"] == scores["accuracy"]
    assert found.data.get("language") == language
    words = EN if language == "en" else ES
    headings = ("data", "recipe", "results", "per_class", "limits", "cost", "licence")
    assert all(words.say(f"card.{key}") in found.text for key in headings)
    assert all(one["name"] in found.text for one in scores["per_class"])


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/home/ana/my secret/photos", "photos"),
        (r"C:\Users\Ana Ruiz\photos", "photos"),
        ("c:/Users/ana/photos.zip", "photos.zip"),
        (r"\\server\ana\photos", "photos"),
        ("~/ana/photos", "photos"),
        (r"..\ana\photos", "photos"),
        ("file:///home/ana/my%20photos", "my photos"),
        ("FILE:/home/ana/photos", "photos"),
        ("https://ana:pass@hub.example/a/b.zip?X-Signature=abc#ana", "b.zip"),
        ("s3://ana/b.parquet", "b.parquet"),
        ("'/home/ana/photos'", "photos"),
        ("hf:owner/name", "hf:owner/name"),
        ("photos/flowers", "photos/flowers"),
        ("digits", "digits"),
    ],
)
def test_a_card_names_no_folder_of_the_machine(run: Path, source: str, shown: str) -> None:
    folder = RunDir(run / "seed-0")
    config = yaml.safe_load(folder.config.read_text())
    config["data"]["source"] = source
    config["note"] = [source]
    config["data"]["label_pattern"] = "/([a-z]+)_"
    folder.config.write_text(yaml.safe_dump(config))
    record = folder.read_record()
    record["data"]["source"] = source
    folder.write_record(record, ["*.yaml", "*.json", "*.parquet", "*.safetensors"])
    text = card(folder, "en")
    recipe = yaml.safe_load(text.split("````yaml\n")[1].split("````")[0])
    assert recipe["data"]["source"] == shown and recipe["note"] == [shown]
    assert recipe["data"]["label_pattern"] == "/([a-z]+)_"
    words = text.casefold()
    assert shown == source or not any(
        secret in words for secret in ("secret", "/home", "users", "ana", "pass", "x-sig")
    )


def test_hostile_classes_act_on_nothing(run: Path) -> None:
    folder = RunDir(run / "seed-0")
    hostile = ["a|b", "<script>alert(1)</script>", "[x](http://evil)", "# h\n---\nlicense: mit", "`c`", "{seed}", "-"]
    record, scores = folder.read_record(), json.loads(folder.metrics.read_text())
    names = [*hostile, *record["data"]["classes"][len(hostile) :]]
    record["data"]["classes"] = names
    for one, name in zip(scores["test"]["per_class"], names, strict=True):
        one["name"] = name
    folder.metrics.write_text(json.dumps(scores))
    folder.write_record(record, ["*.yaml", "*.json", "*.parquet", "*.safetensors"])
    found = ModelCard(card(folder, "en"))
    assert found.data.get("license") == "unknown"
    rows = [line for line in found.text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows[-len(names) :]} == {6}
    assert "\\<script\\>" in found.text and "<script" not in found.text.replace("\\<", "")
    assert "\\[x\\]" in found.text and "{seed}" in found.text


def test_a_card_says_what_to_know_of_the_data(run: Path) -> None:
    folder = RunDir(run / "seed-0")
    record = folder.read_record() | {"test_looks": 3}
    record["data"] |= {
        "skipped": 4,
        "duplicates": {"test": 2, "validation": 1, "near_searched": False, "dropped": 5},
        "labels": {"file": "/home/ana/fixed.csv", "train": 7, "test_changed": True},
        "class_rows": {"train": [9] * 9 + [2], "validation": [], "test": []},
    }
    folder.write_record(record, ["*.yaml", "*.json", "*.parquet", "*.safetensors"])
    text = card(folder, "en")
    for line in (
        EN.count(4, "skipped"),
        EN.count(5, "dropped"),
        EN.say("card.only_exact"),
        EN.say("card.labels_test", file=r"fixed.csv", rows="7 rows"),
        EN.say("card.balance", least=record["data"]["classes"][9], few="2 rows", many="9"),
        EN.say("card.looks", times="3"),
    ):
        assert f"- {line}\n" in text


def test_a_single_row_is_not_several_and_splits_are_called_as_in_the_report(run: Path) -> None:
    folder = RunDir(run / "seed-0")
    record = folder.read_record() | {"price": None}
    record["data"] |= {
        "skipped": 1,
        "duplicates": {"test": 2, "validation": 1, "near_searched": True, "dropped": 1},
        "class_rows": {"train": [9] * 9 + [1], "validation": [], "test": []},
    }
    folder.write_record(record, ["*.yaml", "*.json", "*.parquet", "*.safetensors"])
    english, spanish = card(folder, "en"), card(folder, "es")
    for text in ("1 picture could not be decoded and is in no", "1 row with such a copy was left out", " has 1 row;"):
        assert text in english
    for text in (
        "1 imagen no se pudo decodificar y no está",
        "Se quitó del entrenamiento 1 fila con",
        " tiene 1 fila;",
    ):
        assert text in spanish
    assert "| train | " in english and "| entrenamiento | " in spanish and "| prueba | " in spanish
    told = spanish.partition("\n---\n")[2].split("````")[::2]  # what the header and the recipe call them are keys
    assert not re.findall(r"\b(train|test|validation)\b", " ".join(told))
    assert "Price" not in english and "Precio: " not in spanish  # none is known: nothing is said of it
    assert "| 95% |" in english and "95 %" not in english


def test_the_licence_of_imagenet_weights_is_in_the_header(run: Path) -> None:
    folder = RunDir(run / "seed-0")
    config = yaml.safe_load(folder.config.read_text())
    config["model"] = {"kind": "backbone", "name": "mobilenetv3_small_100", "weights": "imagenet"}
    folder.config.write_text(yaml.safe_dump(config))
    folder.write_record(folder.read_record(), ["*.yaml", "*.json", "*.parquet", "*.safetensors"])
    found = ModelCard(card(folder, "en"))
    assert found.data.get("license") == "apache-2.0"
    assert EN.say("card.licence.known", name=r"mobilenetv3\_small\_100", licence="apache-2.0") in found.text


def test_the_command_writes_and_prints_it(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = run / "README.md"
    for words in ([str(file)], []):
        monkeypatch.setattr(sys, "argv", ["escalera", "card", str(run), *words, "--lang", "es"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
    assert "## Límites de uso" in file.read_text(encoding="utf-8")
    assert capsys.readouterr().out == file.read_text(encoding="utf-8")


def test_a_run_without_its_metrics_is_refused(run: Path) -> None:
    (run / "seed-0" / "metrics.json").unlink()
    with pytest.raises(RunError, match=r"metrics\.json"):
        card(RunDir(run / "seed-0"), "en")


def test_both_languages_say_the_same() -> None:
    assert list(EN.messages) == list(ES.messages)
    for key, text in EN.messages.items():
        fields = [{name for _, name, _, _ in Formatter().parse(words)} for words in (text, ES.messages[key])]
        assert fields[0] == fields[1], key
