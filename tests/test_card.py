"""The model card of a run: what it says, in both languages, and metadata that the hub's own reader takes."""

import json
import shutil
import sys
from pathlib import Path
from string import Formatter

import pytest
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
    results = {one.metric_type: one.metric_value for one in found.data.eval_results}
    assert results["accuracy"] == scores["accuracy"]
    assert found.data.language == language
    words = EN if language == "en" else ES
    headings = ("data", "recipe", "results", "per_class", "limits", "cost", "licence")
    assert all(words.say(f"card.{key}") in found.text for key in headings)
    assert all(one["name"] in found.text for one in scores["per_class"])


def test_a_card_names_no_folder_of_the_machine(run: Path) -> None:
    config = run / "seed-0" / "config.yaml"
    folder = RunDir(run / "seed-0")
    config.write_text(config.read_text() + "\nnote: /home/ana/secret/photos\n")
    folder.write_record(folder.read_record(), ["*.yaml", "*.json", "*.parquet", "*.safetensors"])
    text = card(folder, "en")
    assert "note: photos" in text and "/home" not in text


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
