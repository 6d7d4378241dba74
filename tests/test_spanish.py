"""A user's mistakes, told in Spanish from the first word to the last."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from escalera.cli import main

EnglishLeft = Callable[[str], list[str]]

LADDER = """
name: mine
data: {source: digits}
rungs:
  - {name: base, model: {kind: mlp, dense: [4]}, train: {epochs: 1}}
"""

GERMAN = "image,label,Teil\nx.png,a,Training\ny.png,b,Prüfung\nz.png,b,Test\n"


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What a command says on standard error, in Spanish."""

    def run(*words: str) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["escalera", *words, "--lang", "es"])
        with pytest.raises(SystemExit):
            main()
        return capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ("kind: mlp", "kind: mpl"), ("kind: mlp, dense: [4]", "kind: mlp"), ("dense: [4]", "dense: [0]"),
        ("epochs: 1", "epochs: ten"), ("epochs: 1", "epohcs: 1"), ("epochs: 1", "epochs: 1, clip_norm: -1"),
        ("name: base", "name: ../up"), ("source: digits", "source: digist"), ("source: digits", "sorce: digits"),
        ("epochs: 1", "epochs: 1, early_stopping: {monitor: val_los}"), ("rungs:", "rung:"), ("name: mine", "name: 3"),
        ("name: base", "name: base, from: nobody"), ("train: {epochs: 1}", "change: {train.epochs: 1}"),
        ("epochs: 1", "epochs: 1, optimizer: {name: adm}"), ("epochs: 1", "epochs: 1, epochs: 2"),
        ("{source: digits}", "{source: digits, target: price}"), ("{source: digits}", "[1, 2]"),
        ("kind: mlp, dense: [4]", "kind: cnn, blocks: [[4], [4], [4], [4], [4]]"), ("epochs: 1", "epochs: [1"),
        ("epochs: 1", "epochs: 1, shards: 3"), ("epochs: 1", "epochs: 1, exact: false, shards: 2"),
        ("epochs: 1", "epochs: 1, batch_size: 2, shards: 2"),
    ],
)  # fmt: skip
def test_mistakes_in_a_ladder(
    change: str, text: str, said: Callable[..., str], english_left: EnglishLeft, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(LADDER.replace(change, text))
    told = said("climb", "mine.yaml")
    assert told.startswith("error: ") and english_left(told) == [], told


@pytest.mark.parametrize(
    "words",
    [
        ("climb", "digist"), ("climb", "nowhere.yaml"), ("climb", "digits", "--rung", "cn"),
        ("climb", "digits", "--set", "train.epochs=ten"), ("climb", "digits", "--set", "x"),
        ("explore", "nowhere"), ("explore", "digits", "--set", "train.epochs=1"), ("explore", "."),
        ("report", "runs/nothing"), ("report", "."), ("climb", "digits", "--set", "train.epochs: 3"),
        ("climb", "digits", "--set", "data.splits=3"), ("climb", "digits", "--set", "data.splits={training: a}"),
        ("compare", "runs/a"), ("predict", "runs/a", "a.png"),
        ("predict", "none.safetensors", "a.png"), ("models", "resnt50"),
    ],
)  # fmt: skip
def test_mistakes_in_a_command(words: tuple[str, ...], said: Callable[..., str], english_left: EnglishLeft) -> None:
    told = said(*words)
    assert told.startswith("error: ") and english_left(told) == [], told


@pytest.mark.parametrize(
    ("files", "more"),
    [
        ({"cat/1.txt": "x"}, ()),
        ({"t.csv": "image,label\nx.png,a\n"}, ()),
        ({"t.csv": "image,label\nC:\\x.png,a\n"}, ()),
        ({"t.csv": "image,a,b\nx.png,1,2\n"}, ()),
        ({"t.csv": "name\nx\n"}, ()),
        ({"t.csv": ""}, ()),
        ({"train.csv": "image,label\nx.png,a\n", "train-more.csv": "image,label\nx.png,a\n"}, ()),
        ({"t.csv": "image,label\nx.png,a\n"}, ("--set", "data.form=arrays")),
        ({"t.csv": "image,label\nx.png,a\n"}, ("--set", "data.split_column=part")),
        ({"t.csv": "image,label\nx.png,a\n"}, ("--set", "data.encoding=utf-99")),
        ({"t.csv": "image,label\nx.png,a\n"}, ("--set", "data.label_column=[x, y]")),
        ({"a/1.jpg": "x", "b/1.jpg": "x"}, ("--set", "data.splits={train: c}")),
        ({"x.npz": "x"}, ()),
        ({"t.csv": "image,label\nx.png,a\n"}, ("--set", "data.image_folder=../up")),
        ({"t.csv": "image,label\nx.png,a\n"}, ("--set", "data.image_folder=img")),
        ({"t.csv": "image,label\nx.png,a\n"}, ("--set", "data.image_ending=/x")),
        ({"t.csv": "image,label\nx.png,a\n"}, ("--set", "data.label_pattern='{label}.*'")),
        ({"t.csv": "image,label\nx.png,a\n", "a/1.jpg": "x", "a/2.jpg": "x"}, ("--set", "data.label_column=clase")),
        ({"a/1.jpg": "x", "b/1.jpg": "x"}, ("--set", "data.split_column=false")),
        ({"t.csv": "image,label\nx.png,a,b\n"}, ()),
        ({"t.csv": "image,label\ny/x.png,a\n", "z/x.png": "x"}, ()),
        ({"t.csv": "x.png,a\ny.png,b\n"}, ()),
        ({"t.csv": "image,label,split\nx.png,a,train\ny.png,b,test\nz.png,b,other\n"}, ()),
        ({"t.csv": "image,label,is_test,is_valid\nx.png,a,True,False\ny.png,b,False,True\n"}, ()),
        ({"t.csv": "image;label\nhttps://x.org/x.png;a\n"}, ()),
        ({"t.xlsx": "x"}, ()),
        ({"t.csv": "image,label\nx.png,a\n"}, ("--set", "data.shape=[4, 4]")),
        ({"t.csv": "image,label\nx.png,a\n", "u.csv": "x,y\n1,2\n", "img/x.png": "x"}, ()),
        ({"t.jsonl": "{\n"}, ()),
        ({"x.mp3": "x"}, ()),
        ({"t.csv": GERMAN}, ()),
        ({"t.csv": GERMAN}, ("--set", "data.split_column=Teil")),
        ({"t.csv": GERMAN}, ("--set", "data.split_column=Teil", "--set", "data.splits={train: Training, test: Tes}")),
    ],
)
def test_sources_that_cannot_be_read(
    files: dict[str, str],
    more: tuple[str, ...],
    said: Callable[..., str],
    english_left: EnglishLeft,
    tmp_path: Path,
) -> None:
    for name, content in files.items():
        (tmp_path / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mine" / name).write_text(content)
    told = said("explore", "mine", *more)
    assert told.startswith("error: ") and english_left(told) == [], told
