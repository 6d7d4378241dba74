"""What the terminal says: the same in both languages, all of it used, and none of it in the other one."""

from __future__ import annotations

import io
import os
import platform
import re
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from string import Formatter
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

import escalera.cli.terminal
from escalera import cli
from escalera.cli import lines
from escalera.cli.doctor.check import State as Standing
from escalera.cli.lines import echo_markdown, fold
from escalera.cli.terminal import load_terminal, reading
from escalera.core import runtime
from escalera.core.extras import EXTRAS
from escalera.core.language import Language
from escalera.core.translation import translate
from escalera.data.cache import progress
from escalera.data.cache.inventory import Kind
from escalera.evaluate.compare import Verdict
from escalera.evaluate.metrics import SHARES
from escalera.experiment import estimate
from escalera.ladder import catalogue
from escalera.ladder.idle import Why
from escalera.report.runs import State

EN, ES = load_terminal("en"), load_terminal("es")
FOLDER = Path(escalera.cli.terminal.__file__).parent
LADDER = """
name: tiny
title: {en: "Dots", es: "Puntos"}
data: {source: dots.npz, validation: 0.2, test: 0.4}
rungs:
  - name: mlp
    why: {en: "A start.", es: "Un comienzo."}
    model: {kind: mlp, dense: [8]}
    train: {epochs: 2, batch_size: 16}
    evaluate: {price_per_hour: 2}
  - name: mlp-2
    change: {model.dense: [4]}
  - name: knn
    change: {model: {kind: votes, features: {from: mlp}, classifiers: [{name: nearest_neighbours, k: 3}]}}
"""
COMMANDS = """
climb tiny.yaml --rung mlp --rung mlp-2 --seeds 2
climb tiny.yaml --rung mlp-2 --rung knn
climb tiny.yaml --rung mlp --set train.epochs=3 --skip-bad
climb tiny.yaml --rung mlp --plan
runs
runs restore tiny/mlp/seed-0.kept-001
runs remove tiny/mlp/seed-0.kept-002 --yes
explore birds
compare runs/tiny/mlp runs/tiny/mlp-2
predict runs/tiny/mlp birds/robin/1.png
export runs/tiny/mlp m.safetensors
report runs/tiny
ladders
sources
cache
cache --clear
models
models vgg16
runs
doctor
"""


def test_both_languages_say_the_same_things() -> None:
    assert list(EN.messages) == list(ES.messages)
    for key, text in EN.messages.items():
        fields = [{name for _, name, _, _ in Formatter().parse(words) if name} for words in (text, ES.messages[key])]
        assert fields[0] == fields[1], key
        assert text.strip() and ES.messages[key].strip(), key


def test_every_message_is_used() -> None:
    """In the sources as it stands, or as a member of a group whose members are known."""
    files = [*FOLDER.glob("*.py"), *FOLDER.parent.glob("*.py"), *(FOLDER.parent / "doctor").glob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    used = set(re.findall(r"""["']([a-z_]+\.[a-z0-9_.-]+)["']""", text)) | set(
        re.findall(r"""say\(["'](\w+)["']""", text)
    )
    used |= {f"unit.{unit}.{n}" for unit in re.findall(r'count\([^\n]*?"(\w+)"\)', text) for n in ("one", "other")}
    doctor = (FOLDER.parent / "doctor" / "facts.py").read_text(encoding="utf-8")
    groups = {
        "verdict": [verdict.replace(" ", "-") for verdict in get_args(Verdict)],
        "state": get_args(State),
        "stopped": ["early-stopping", "all-epochs", "out-of-time"],
        "at_hand": ["here", "hub", "absent"],
        "cache.kind": get_args(Kind),
        "layers": ["layer", "output", "parameters"],
        "run": ["made_again", "written_again", "not_needed"],
        "runs": ["run", "test", "date", "settings", "size", "begun", "kept"],
        "kinds": ["setting", "default", "expected"],
        "idle": get_args(Why),
        "test": [metric for metric in SHARES if metric != "accuracy"],
        "jobs": ["asked", "cluster", "cores", "gpus", "memory"],
        "plan": ["parameters", "trainable", "flops", "memory", "rate", "epochs", "time"],
        "doctor": [key.replace(" ", "-") for key in re.findall(r'^        "([a-z ]+)": ', doctor, re.MULTILINE)],
        "doctor.check": re.findall(r'(?:Check|_writable)\(\s*"(\w+)"', text),
        "doctor.state": get_args(Standing),
        "extra": list(EXTRAS),
        "reading": get_args(progress.Step),
    }
    used |= {f"{group}.{member}" for group, members in groups.items() for member in members}
    assert sorted(set(EN.messages) - used) == []
    for group, members in groups.items():
        assert {f"{group}.{member}" for member in members} <= set(EN.messages), group


def test_a_terminal_gets_plain_blanks() -> None:
    assert (EN.number(-12345.6, 1), ES.number(-12345.6, 1)) == ("-12,345.6", "-12 345,6")
    assert not [text for text in (*EN.messages.values(), *ES.messages.values()) if "\u00a0" in text or "\u202f" in text]


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00 USD"), (1.5, "1.50 USD"), (0.1, "0.10 USD"), (0.00125, "0.0013 USD"), (8.3e-5, "0.000083 USD")],
)
def test_a_small_price_is_not_nothing(amount: float, text: str) -> None:
    assert EN.money(amount, "USD") == text


def test_what_models_says_is_there_in_spanish() -> None:
    english = {
        text
        for kind in catalogue.kinds()
        for text in (kind["description"], *(row[key] for row in kind["settings"] for key in ("expects", "description")))
        if text
    }
    assert len(english) > 60
    same = {text for text in english if translate(text, "es") == text}
    assert same == set()


def vocabulary() -> dict[str, set[str]]:
    """The words of each language that the other one does not have: those of the messages, and the commonest."""
    found = {}
    for words, common in (
        (EN, "the and with from that this which have been will would there where when your into only than more"),
        (ES, "el la los las con para que esta este del una hay donde cuando sin pero solo desde hasta"),
    ):
        text = re.sub(r"\{\w+\}|--\w[\w-]*", " ", " ".join([*words.messages.values(), common])).casefold()
        found[words.code] = {word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 2}
    both = found["en"] & found["es"]
    return {code: words - both for code, words in found.items()}


def names_of_things() -> set[str]:
    """What is called the same in both languages: options, keys of a ladder, kinds, layers, sources."""
    kinds = catalogue.kinds()
    keys = {
        part
        for kind in kinds
        for row in kind["settings"]
        for part in re.findall(r"[a-z]+", f"{row['key']} {row['default']}")
    }
    expected = {
        part for kind in kinds for row in kind["settings"] for part in re.findall(r"'([a-z_]+)'", row["expects"])
    }
    parts = {part for word in expected for part in word.split("_")}
    return keys | parts | {"from", "run", "rung", "none", "all", "batch", "train"}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What every command prints, in both languages."""
    found: dict[str, dict[str, str]] = {"en": {}, "es": {}}
    for code, printed in found.items():
        folder = tmp_path_factory.mktemp(code)
        rng = np.random.default_rng(0)
        np.savez(folder / "dots.npz", images=rng.integers(0, 256, (60, 8, 8), np.uint8), labels=np.arange(60) % 3)
        (folder / "tiny.yaml").write_text(LADDER, encoding="utf-8")
        for number in range(6):
            path = folder / "birds" / ("robin" if number % 2 else "wren") / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(path)
        (folder / "birds" / "robin" / "bad.png").write_bytes(b"")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setattr(estimate, "PROBE_SECONDS", 0.01)
            for name, value in {
                "ESCALERA_CACHE": str(folder / "cache"),
                "ESCALERA_LANG": code,
                "COLUMNS": "160",
            }.items():
                patch.setenv(name, value)
            for line in COMMANDS.strip().splitlines():
                patch.setattr(sys, "argv", ["escalera", *line.split()])
                out = io.StringIO()
                with redirect_stdout(out), redirect_stderr(out), suppress(SystemExit):
                    cli.main()
                printed[line] = printed.get(line, "") + out.getvalue()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("code", ["en", "es"])
def test_no_word_of_the_other_language_is_printed(said: dict[str, dict[str, str]], code: str) -> None:
    other = vocabulary()["es" if code == "en" else "en"] - names_of_things()
    assert len(said[code]) == len(set(COMMANDS.strip().splitlines()))
    for command, text in said[code].items():
        assert text.strip(), command
        for name in (platform.platform(), runtime.processor()):
            text = text.replace(name, "")
        # Paths, settings, options, variables, what was typed, and digests, which may spell a word.
        plain = re.sub(r"\S*[/=\[\]]\S*|--\S+|\b[A-Z]+_[A-Z_]+\b|'[^']*'|«[^»]*»|\{[^}]*\}|\b[0-9a-f]{20}\b", " ", text)
        words = set(re.findall(r"[^\W\d_]+", plain.casefold()))
        assert words & other == set(), f"{command}:\n{text}"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (EN, "decoding: 60,000 of 100,000 images  about 20 s left\n"),
        (ES, "decodificando: 60 000 de 100 000 imágenes  faltan unos 20 s\n"),
    ],
)
def test_how_far_pictures_are_read_is_told_where_it_takes_long(
    words: Language, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, clock = io.StringIO(), [100.0]
    monkeypatch.setattr(reading, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    with reading.reading_shown(words, Console(file=out, width=30)):
        for done in (0, 500, 1_000):
            progress.tell("heads", done, 1_000)
            clock[0] += 1
        for done in range(0, 60_001, 10_000):
            progress.tell("decoding", done, 100_000)
            clock[0] += 5
        assert out.getvalue().count("\n") == 2
    assert out.getvalue().endswith(expected)
    progress.tell("decoding", 1, 2)
    assert out.getvalue().count("\n") == 2
    assert {f"reading.{step}" for step in get_args(progress.Step)} <= words.messages.keys()


def test_on_a_terminal_a_bar_shows_how_far_pictures_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(reading, "QUIET", 0.0)
    with (
        pytest.raises(KeyboardInterrupt),
        reading.reading_shown(EN, Console(file=out, width=100, force_terminal=True)),
    ):
        for done in (256, 512):
            progress.tell("decoding", done, 1_000)
        raise KeyboardInterrupt
    assert "decoding: 512 of 1,000 images" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")  # and is gone, whatever ends it


PATH = "nowhere/" + "a-long-name/" * 8 + "my pictures"


def test_lines_are_folded_between_words_and_paths_stay_whole() -> None:
    text = f"error: expected a run, but there is none at '{PATH}'; see\n  - the first of some words\nend"
    folded = fold(text, 24).split("\n")
    assert f"'{PATH}';" in folded and "  - the first of some" in folded and "    words" in folded
    assert all(len(line) <= 24 for line in folded if PATH not in line)
    assert fold("cifar10  ten classes of it", 18, hang=" " * 9) == "cifar10  ten\n         classes\n         of it"
    assert fold("look into my folder now", 12, whole="my folder") == "look into\nmy folder\nnow"


def test_markdown_on_a_terminal_keeps_its_header_tables_and_recipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = [
        "---\nname: a word and another\n---",
        "| a table | of two columns |",
        "````yaml\na: [1, 2, 3, 4, 5, 6]\n````",
    ]
    text = "\n\n".join([kept[0], "some words here", kept[1], "- some other words", kept[2], ""])
    echo_markdown(text)
    assert capsys.readouterr().out == text  # in a pipe
    monkeypatch.setattr(lines, "width_of_terminal", lambda: 10)
    echo_markdown(text)
    out = capsys.readouterr().out
    assert out == text.replace("words here", "words\nhere").replace("- some other words", "- some\n  other\n  words")
    assert all(part in out for part in kept)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudoterminals of this kind")
@pytest.mark.parametrize("code", ["en", "es"])
@pytest.mark.parametrize("words", ["ladders", "sources", "doctor", f"predict {PATH.split()[0]} x.png"])
def test_no_word_is_cut_at_the_edge_of_a_terminal(words: str, code: str, tmp_path: Path) -> None:
    """Nor is a line of a pipe broken."""
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    environment |= {"ESCALERA_LANG": code, "ESCALERA_CACHE": str(tmp_path)}
    command = [sys.executable, "-m", "escalera", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    # What is free on a disk may change between the two.
    whole = re.sub(r"\d+[.,]\d", "0.0", done.stdout + done.stderr).split()
    shown = on_terminal(command, 80, environment, tmp_path)
    told = [re.sub(r"\d+[.,]\d", "0.0", re.sub(r"\x1b\[\d*m", "", line)) for line in shown.splitlines()]
    assert [word for line in told for word in line.split() if word != "#"] == [word for word in whole if word != "#"]
    too_long = [line.strip() for line in told if len(line) > 80]
    assert all(re.search(r"\S{60}|pip install|unset|export", line) for line in too_long), too_long
    names = {line.split()[0] for line in done.stdout.splitlines() if not line.startswith(" ") and line}
    assert words not in ("ladders",) or {line.split()[0] for line in told if line[:1].strip()} == names


def on_terminal(command: list[str], width: int, environment: dict[str, str], folder: Path) -> str:
    """What a command shows on a terminal of so many columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    shown = b""
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder):
        os.close(theirs)
        with suppress(OSError):  # which Linux raises at the end
            while part := os.read(ours, 65536):
                shown += part
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def test_a_damaged_checkpoint_is_told_with_the_epoch_that_is_gone_on_from() -> None:
    file = io.StringIO()
    escalera.cli.terminal.Narrator(Console(file=file, width=200)).checkpoint_damaged(19, "last/epoch-24.safetensors")
    # Not every epoch has a checkpoint: which one was lost, only the name of its file says.
    assert "the last checkpoint is damaged; goes on after epoch 19 (last/epoch-24" in file.getvalue()
