"""The command line: what it prints, where, and the code it ends with."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import typer

from escalera import cli
from escalera.cli import training
from escalera.core.translation import translate
from escalera.experiment import explore
from escalera.train.callbacks import History

TINY = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    why: {en: "A start.", es: "Un comienzo."}
    model: {kind: mlp, dense: [16]}
    train: {epochs: 1}
  - name: wider
    change: {model.dense: [32]}
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "tiny.yaml").write_text(TINY)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["escalera", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


_WITH_DATA = {
    "auto": ["photos"], "check": ["runs/tiny/mlp", "photos"], "climb": ["tiny.yaml"], "compare": ["a", "b"],
    "doctor": [], "explore": ["digits"], "export": ["runs/tiny/mlp", "a.onnx"], "ladders": [], "new": ["digits"],
    "report": ["runs/tiny"], "runs": [], "sources": [], "studio": [],
}  # fmt: skip
"""What each command that looks for data is asked with."""


def test_a_data_root_that_is_not_there_is_refused_by_each_command(monkeypatch: Patch, capsys: Capture) -> None:
    group = typer.main.get_command(cli.app)
    assert isinstance(group, typer.core.TyperGroup)
    named = {name for name, one in group.commands.items() if any("--data-root" in part.opts for part in one.params)}
    assert named == {*_WITH_DATA}
    for name, asked in _WITH_DATA.items():
        assert run(monkeypatch, name, *asked, "--data-root", "nowhere", "--lang", "es") == 2
        expected = "error: --data-root: se esperaba una carpeta de datos, pero en «nowhere» no hay ninguna"
        assert capsys.readouterr().err.replace("\n", " ").strip().startswith(expected), name


def test_climb_prints_the_rungs_the_table_and_the_report(monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "climb", "tiny.yaml") == 0
    out = capsys.readouterr().out
    for text in (
        "2 runs to go",
        "1/2  mlp",
        "A start.",
        "1,040",
        "1,210 parameters",
        "✓ test",
        "verdict",
        "report: runs/",
    ):
        assert text in out, text
    assert run(monkeypatch, "climb", "tiny.yaml") == 0
    assert "Every rung is finished" in capsys.readouterr().out


def test_a_pipe_gets_whole_sentences(monkeypatch: Patch, capsys: Capture) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    assert run(monkeypatch, "climb", "tiny.yaml", "--rung", "mlp", "--set", "evaluate.price_per_hour=1") == 0
    ends = next(line for line in capsys.readouterr().out.splitlines() if "✓ test" in line)
    assert ends.endswith(" USD")


def test_climb_speaks_json_on_standard_output_alone(monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "climb", "tiny.yaml", "--json", "--lang", "es") == 0
    captured = capsys.readouterr()
    assert [row["name"] for row in json.loads(captured.out)["rungs"]] == ["mlp", "wider"]
    assert "Un comienzo." in captured.err


def test_a_mistake_is_a_message_without_traceback(monkeypatch: Patch, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(TINY.replace("epochs: 1", "epohcs: 1"))
    assert run(monkeypatch, "climb", "bad.yaml") == 2
    err = capsys.readouterr().err
    assert "bad.yaml:8:" in err
    assert "did you mean 'epochs'?" in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(monkeypatch: Patch, tmp_path: Path) -> None:
    from escalera.core.errors import LadderError

    (tmp_path / "bad.yaml").write_text(TINY.replace("epochs: 1", "epohcs: 1"))
    monkeypatch.setattr(sys, "argv", ["escalera", "climb", "bad.yaml", "--debug"])
    with pytest.raises(LadderError):
        cli.main()


def test_a_failed_rung_is_told_last_and_ends_with_1(monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "climb", "tiny.yaml", "--set", "train.optimizer.lr=1e30", "--set", "train.epochs=3") == 1
    tail = capsys.readouterr().out.splitlines()[-8:]
    assert any("✗ mlp, wider:" in line and "the loss became" in line for line in tail)


@pytest.mark.parametrize("at", ["a step", "an evaluation"])
def test_sigterm_ends_with_143_and_the_same_command_goes_on(monkeypatch: Patch, capsys: Capture, at: str) -> None:
    from escalera.run import attempt, fit

    before = signal.getsignal(signal.SIGTERM)

    def terminate(whole: object, *_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as once:
        if at == "a step":
            once.setattr(History, "on_step_end", terminate)
        else:
            once.setattr(attempt, "evaluate", terminate)
        assert run(monkeypatch, "climb", "tiny.yaml", "--rung", "mlp") == 143
    assert signal.getsignal(signal.SIGTERM) == before
    assert "stopped; the same command goes on from here" in capsys.readouterr().err
    state = json.loads(Path("runs/tiny/mlp/seed-0/run.json").read_text())
    assert (state["state"], "stopped" in state) == ("running", at == "an evaluation")
    monkeypatch.setattr(fit, "_train", fit._train if at == "a step" else lambda *_: pytest.fail("trained again"))
    assert run(monkeypatch, "climb", "tiny.yaml", "--rung", "mlp") == 0
    assert json.loads(Path("runs/tiny/mlp/seed-0/run.json").read_text())["test_looks"] == 1


def test_ctrl_c_ends_with_130(monkeypatch: Patch, capsys: Capture) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    from escalera.experiment import climb

    monkeypatch.setattr(climb, "climb", stop)
    assert run(monkeypatch, "climb", "tiny.yaml") == 130
    assert "stopped; the same command goes on from here" in capsys.readouterr().err
    assert run(monkeypatch, "climb", "tiny.yaml", "--fresh") == 130
    assert "stopped; without --fresh the same command goes on from here" in capsys.readouterr().err


def test_ladders_schema_doctor(monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "ladders") == 0
    assert "digits" in capsys.readouterr().out
    assert run(monkeypatch, "ladders", "--json", "--lang", "es") == 0
    rows = json.loads(capsys.readouterr().out)
    assert "Dígitos" in next(row["title"] for row in rows if row["name"] == "digits")
    assert run(monkeypatch, "schema") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "LadderEntry"
    assert run(monkeypatch, "doctor", "--json") == 0
    assert json.loads(capsys.readouterr().out)["precision"].startswith("auto means")


def test_report_is_made_again_in_the_other_language(monkeypatch: Patch, capsys: Capture, tmp_path: Path) -> None:
    run(monkeypatch, "climb", "tiny.yaml")
    assert run(monkeypatch, "report", "runs/tiny", "--lang", "es") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "runs/tiny/report.html"
    assert 'lang="es"' in (tmp_path / "runs/tiny/report.html").read_text()


def test_report_says_which_files_are_damaged(monkeypatch: Patch, capsys: Capture, tmp_path: Path) -> None:
    run(monkeypatch, "climb", "tiny.yaml")
    seed = tmp_path / "runs/tiny/mlp/seed-0"
    (seed / "metrics.json").write_text("{")
    capsys.readouterr()
    for language, text in (("en", "not what was written"), ("es", "no es lo que se escribió")):
        assert run(monkeypatch, "report", "runs/tiny", "--lang", language) == 0
        said = capsys.readouterr()
        assert said.out == "runs/tiny/report.html\n"
        assert f"{seed.relative_to(tmp_path)}: metrics.json: {text}" in said.err


def test_an_unknown_ladder_and_an_unknown_command(monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "climb", "digit") == 2
    assert "did you mean 'digits'?" in capsys.readouterr().err
    assert run(monkeypatch, "clmb") == 2
    assert "climb" in capsys.readouterr().err


@pytest.mark.slow
def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, escalera.cli\n"
        "try:\n    sys.argv = ['escalera', '--help']; escalera.cli.main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'pandas', 'matplotlib', 'datasets', 'sklearn', 'pydantic', 'pyarrow'}\n"
        "heavy &= set(sys.modules)\n"
        "print('heavy:', sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True)
    assert "heavy: []" in done.stdout


@pytest.mark.slow
def test_a_finished_climb_needs_no_torch(monkeypatch: Patch) -> None:
    run(monkeypatch, "climb", "tiny.yaml")
    code = (
        "import sys\nfrom escalera import cli\nsys.argv = ['escalera', 'climb', 'tiny.yaml']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert "Every rung is finished" in done.stdout


def test_explore_writes_a_page_json_and_the_pixels(monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "explore", "digits", "--lang", "es") == 0
    assert capsys.readouterr().out == (
        "leído: train 1797; 10 clases: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\npágina: explored/digits/explore.html\n"
    )
    folder = Path("explored/digits")
    assert "Qué hay en los datos" in (folder / "explore.html").read_text()
    assert "escalera explore digits --lang es" in (folder / "explore.html").read_text()
    facts = json.loads((folder / "explore.json").read_text())
    assert facts["splits"]["train"]["rows"] == 1797
    assert len((folder / "pixels.csv").read_text().splitlines()) == 9
    assert run(monkeypatch, "explore", "digits", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert {**shown, "date": ""} == {**facts, "date": ""}


def test_explore_says_what_a_training_would_refuse(monkeypatch: Patch, capsys: Capture, tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a.png", "b.png"):
        path = tmp_path / "birds" / "robin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), ord(name[0])).save(path)
    (tmp_path / "birds" / "robin" / "c.png").write_bytes(b"")
    assert run(monkeypatch, "explore", "./birds/") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "'robin' (2). Each needs 3 at least." in lines.pop(2)
    assert lines == [
        "read: train 2; 1 class: robin",
        "it cannot be trained on yet: birds has a single class, 'robin'. A classifier needs two or more.",
        "1 image cannot be decoded; the page lists it",
        "page: explored/birds/explore.html",
    ]


def test_explore_looks_first_whether_it_can_write(monkeypatch: Patch, capsys: Capture) -> None:
    """And not after the pictures, which takes minutes."""
    monkeypatch.setattr(explore, "look_at", lambda *_: pytest.fail("the pictures were looked at"))
    Path("shut").write_text("")  # a file, in which root too can make no folder
    for language, told in (
        ("en", "error: could not write in shut/digits: Not a directory. Give another place with --out."),
        ("es", "error: no se pudo escribir en «shut/digits»: no es una carpeta. Indica otro sitio con --out."),
    ):
        assert run(monkeypatch, "explore", "digits", "--out", "shut", "--lang", language) == 2
        assert capsys.readouterr().err.strip() == told


@pytest.mark.parametrize("words", [("climb", "tiny.yaml"), ("climb", "tiny.yaml", "--plan"), ("auto", "digits")])
def test_a_gpu_that_is_not_there_is_refused_at_once(
    words: tuple[str, ...], monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run(monkeypatch, *words, "--device", "cuda") == 2
    assert capsys.readouterr().err.startswith("error: --device cuda: expected a CUDA device, found none (torch ")
    assert run(monkeypatch, *words, "--device", "cuda", "--lang", "es") == 2
    assert "se esperaba un dispositivo CUDA y no se encontró ninguno" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_explore_of_what_is_not_there(monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "explore", "cifar11") == 2
    assert "unknown source 'cifar11': did you mean 'cifar10'?" in capsys.readouterr().err
    assert not Path("explored").exists()


@pytest.mark.parametrize("encoding", ["ascii:strict", "utf-8"])
def test_a_pipe_that_takes_few_letters(encoding: str) -> None:
    def run(*arguments: str) -> bytes:
        code = "from escalera.cli import main; main()"
        environment = {**os.environ, "PYTHONIOENCODING": encoding}
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, capture_output=True, env=environment, check=True).stdout

    rows = json.loads(run("ladders", "--lang", "es", "--json").decode(encoding.partition(":")[0]))
    assert "dígitos" in {row["name"]: row["title"] for row in rows}["digits"].casefold()
    assert len(run("ladders", "--lang", "es").splitlines()) == 2 * len(rows)


@pytest.mark.parametrize(
    ("given", "language", "said"),
    [
        ("serial", "en", "--cluster: unknown cluster 'serial'; known: ray, slurm"),
        ("Ray:10.0.0.1:6379", "en", "--cluster: unknown cluster 'Ray'; did you mean 'ray'?"),
        ("slrum:gpu", "es", "--cluster: clúster desconocido «slrum»; ¿querías decir «slurm»?"),
    ],
)
def test_this_machine_is_no_cluster(given: str, language: str, said: str, monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "climb", "digits", "--cluster", given, "--lang", language, "--out", "runs") == 2
    assert capsys.readouterr().err.strip() == f"error: {said}"
    assert not Path("runs").exists()


def test_the_end_of_a_command_does_not_look_through_all_that_torch_has_made() -> None:
    ends = "import atexit, gc, sys; atexit.register(lambda: print(gc.get_freeze_count() > 1000))"
    code = f"{ends}; sys.argv = ['escalera', '--version']; from escalera.cli import main; main()"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "True"


def test_a_fault_of_the_file_system_that_nobody_foresaw(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "x" * 5000
    monkeypatch.setattr(sys, "argv", ["escalera", "climb", name])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, capsys.readouterr().err) == (2, f"error: {name[:200]}: File name too long\n")
    monkeypatch.setattr(sys, "argv", ["escalera", "climb", name, "--debug"])
    with pytest.raises(OSError, match="File name too long"):
        cli.main()


def test_the_version(monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, "--version") == 0
    assert re.fullmatch(r"escalera \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


def commands() -> dict[str, Any]:
    return dict(typer.main.get_group(cli.app).commands)


def test_the_help_is_short_and_whole(monkeypatch: Patch, capsys: Capture) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run(monkeypatch, "-h") == 0
    out = capsys.readouterr().out
    for name in commands():
        line = next(line for line in out.splitlines() if line.startswith(f"  {name} "))
        assert line.endswith("."), line
        assert not line.endswith("..."), line


@pytest.mark.parametrize("name", list(commands()))
def test_the_help_of_a_command_shows_examples_that_are_right(name: str, monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, name, "-h") == 0
    out = capsys.readouterr().out
    assert not re.search(r"<(list|str|path|int|float)\b", out, re.IGNORECASE), out
    examples = [line.strip() for line in out[out.index("Examples:") :].splitlines()[1:]]
    assert examples
    for line in examples:
        program, command, *arguments = shlex.split(line.partition(" > ")[0])
        assert (program, command) == ("escalera", name)
        arguments = ["." if one == "/data" else one for one in arguments]  # a folder that is there
        context = commands()[name].make_context(name, arguments)
        assert context.params


def test_completion_knows_the_ladders() -> None:
    assert training.ladder_names("cifar10") == ["cifar10-multimodal", "cifar10", "cifar100-mlp", "cifar100"]


def test_the_ladders_say_every_source_and_what_is_at_hand(monkeypatch: Patch, capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "data" / "cifar10" / "a").mkdir(parents=True)
    assert run(monkeypatch, "ladders", "--data-root", "data") == 0
    lines = capsys.readouterr().out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("cifar10-multimodal "))
    assert lines[place].endswith("(7 rungs)")
    assert [line.strip() for line in lines[place + 1 : place + 3]] == [
        "fashion_mnist: not here yet, downloaded at the first use", "cifar10: here",
    ]  # fmt: skip
    assert "houses, clothing: not here: to be put into the folder that --data-root names" in "\n".join(lines)
    assert run(monkeypatch, "ladders", "--data-root", "data", "--json") == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["cifar10-multimodal"]["sources"] == {"fashion_mnist": "hub", "cifar10": "here"}
    assert rows["digits"]["sources"] == {"digits": "here"}
    assert rows["houses"]["sources"] == {"houses": "absent", "clothing": "absent"}


@pytest.mark.parametrize(
    ("variables", "language"),
    [
        ({}, "en"),
        ({"LANG": "es_ES.UTF-8"}, "es"),
        ({"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_MESSAGES": "es_MX", "LANG": "en_US"}, "es"),
        ({"LANG": "en_US", "ESCALERA_LANG": "es"}, "es"),
    ],
)
def test_the_language_is_that_of_the_system_unless_it_is_named(variables: dict[str, str], language: str) -> None:
    clean = {key: value for key, value in os.environ.items() if key not in ("LANG", "LC_ALL", "LC_MESSAGES")}
    code = "import sys; sys.argv = ['escalera', 'climb', 'nothing.yaml']; from escalera.cli import main; main()"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={**clean, **variables}, encoding="utf-8")
    assert done.stderr.startswith("error: expected a" if language == "en" else "error: se esperaba")


@pytest.mark.parametrize("language", ["en", "es"])
def test_no_line_of_the_help_is_cut_at_eighty_columns(language: str, monkeypatch: Patch, capsys: Capture) -> None:
    monkeypatch.setenv("ESCALERA_LANG", language)
    monkeypatch.setenv("COLUMNS", "80")
    for command in ([], ["climb"]):
        assert run(monkeypatch, *command, "--help") == 0
        lines = capsys.readouterr().out.splitlines()
        assert max(map(len, lines)) <= 80
        assert [line for line in lines[1:] if line.endswith("...")] == []
    assert ("docs/es/cluster.md" in "".join(line.strip() for line in lines)) == (language == "es")


def test_the_help_is_there_in_spanish(monkeypatch: Patch, capsys: Capture) -> None:
    whole = typer.main.get_command(cli.app)
    english = {
        line.strip()
        for told in [whole, *commands().values()]
        for text in (told.help, *(getattr(option, "help", None) for option in told.params))
        for line in (text or "").splitlines()
        if line.strip()
    }
    assert len(english) > 60
    assert {line for line in english if translate(line, "es") == line} == set()
    assert run(monkeypatch, "climb", "--lang", "es", "-h") == 0
    out = capsys.readouterr().out
    for text in (
        "Uso: escalera climb",
        "Entrena una escalera,",
        "Opciones:",
        "[por defecto: runs]",
        "Ejemplos:",
        "Muestra",
    ):
        assert text in out, text
    assert run(monkeypatch, "climb", "-h") == 0
    assert "Train a ladder," in capsys.readouterr().out
    monkeypatch.setenv("ESCALERA_LANG", "es")
    monkeypatch.setenv("COLUMNS", "50")
    assert run(monkeypatch, "-h") == 0
    assert "  climb    Entrena una escalera," in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "english", "spanish"),
    [
        ("climb", "Missing argument 'LADDER'.", "falta el argumento «LADDER»."),
        ("clmb digits", "No such command 'clmb'.", "no hay ninguna orden «clmb»"),
        ("climb digits --rugn x", "No such option: --rugn", "no hay ninguna opción --rugn"),
        (
            "climb digits --seeds x",
            "Invalid value for '--seeds': expected a whole number, received 'x'",
            "valor no válido de «--seeds»: se esperaba un número entero y se recibió «x»",
        ),
        (
            "climb digits --seeds=0",
            "Invalid value for '--seeds': expected 1 or more, received '0'",
            "valor no válido de «--seeds»: se esperaba 1 o más y se recibió «0»",
        ),
        (
            "studio --port 70000",
            "Invalid value for '--port': expected 65535 or less, received '70000'",
            "valor no válido de «--port»: se esperaba 65535 o menos y se recibió «70000»",
        ),
        (
            "auto photos --minutes ten",
            "Invalid value for '--minutes': expected a number, received 'ten'",
            "valor no válido de «--minutes»: se esperaba un número y se recibió «ten»",
        ),
        (
            "climb digits --device tpu",
            "Invalid value for '--device': expected one of 'auto', 'cpu', 'cuda', received 'tpu'",
            "valor no válido de «--device»: se esperaba uno de 'auto', 'cpu', 'cuda' y se recibió «tpu»",
        ),
        (
            "climb digits --batch_size 8",
            "No such option: --batch-size. A setting of the ladder is given by --set, as --set train.batch_size=64.",
            "no hay ninguna opción --batch-size. Un ajuste de la escalera se da con --set, como --set train",
        ),
        ("predict runs/tiny/mlp --epochs 5", "No such option: --epochs", "no hay ninguna opción --epochs"),
        ("climb digits --plan --find-lr", "Invalid value: expected one", "valor no válido: se esperaba uno"),
        ("climb digits more", "Got unexpected extra argument", "sobra"),
    ],
)
def test_what_is_typed_wrongly(typed: str, english: str, spanish: str, monkeypatch: Patch, capsys: Capture) -> None:
    assert run(monkeypatch, *typed.split()) == 2
    told = capsys.readouterr().err
    assert f"\nerror: {english}" in told
    assert "-h' for help." in told
    monkeypatch.setenv("ESCALERA_LANG", "es")
    assert run(monkeypatch, *typed.split()) == 2
    told = capsys.readouterr().err
    assert f"\nerror: {spanish}" in told
    assert told.startswith("Uso: escalera")
    assert not {"Usage", "Invalid", "Input", "extra", "help."} & set(told.split())


def test_explore_says_when_it_replaces_another_source(monkeypatch: Patch, capsys: Capture, tmp_path: Path) -> None:
    from PIL import Image

    for place in ("a/b", "c/d"):
        for number in range(12):
            folder = tmp_path / place / "photos" / ("cat", "dog")[number % 2]
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4), number).save(folder / f"{number}.png")
    told = "explored/photos: what was found in 'a/b/photos' is replaced; --out gives 'c/d/photos' another place."
    for source, replaces in (
        ("a/b/photos", False),
        ("./a/b/photos", False),
        ("a/b/photos", False),
        ("c/d/photos", True),
    ):
        assert run(monkeypatch, "explore", source) == 0
        assert (told in capsys.readouterr().out) == replaces


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_behind_the_output_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-m", "escalera", "sources"], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert (found.returncode, found.stderr) == (2, "error: No space left on device\n")
