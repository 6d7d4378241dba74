"""`import escalera as esc`: what people write for arguments, and what they are told where it is none."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import escalera as esc
from escalera.cli import main
from escalera.core import arguments
from escalera.core.errors import DataError, LadderError, RunError
from escalera.core.translation import translate
from escalera.inference import bundle

LADDER: dict[str, Any] = {
    "name": "tiny",
    "data": {"source": "digits", "validation": 0.2, "test": 0.5},
    "rungs": [
        {"name": "mlp", "model": {"kind": "mlp", "dense": [16]}, "train": {"epochs": 1}},
        {"name": "wider", "change": {"model.dense": [32]}},
    ],
}
README = Path(__file__).parents[1]
ENGLISH = {"the", "of", "is", "are", "expected", "received", "for", "not", "has", "which", "with", "from", "or", "be"}


def english_left(text: str) -> list[str]:
    """Words of English in a Spanish text, outside of what is quoted, and of paths."""
    bare = re.sub(r"«[^»]*»|/\S+", " ", text.lower())
    return [word for word in re.findall(r"[a-z]+", bare) if word in ENGLISH]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[esc.Run]:
    folder = tmp_path_factory.mktemp("interface")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        yield esc.climb(LADDER, out=folder / "runs", rungs="mlp", quiet=True)["mlp"]


def test_a_climb_by_name_with_texts_for_paths_and_rungs(capsys: pytest.CaptureFixture[str]) -> None:
    runs = esc.climb("digits", out="elsewhere", rungs="mlp", sets="train.epochs=1")
    assert list(runs) == ["mlp"]
    assert runs["mlp"].state == "done"
    assert Path("elsewhere/digits/report.html").is_file()
    # It is not silent.
    told = capsys.readouterr().out
    assert "1/1  mlp" in told and "✓ test" in told and "report: elsewhere/digits/report.html" in told
    esc.climb("digits", out="elsewhere", rungs=["mlp"], sets={"train.epochs": 1}, language="es")
    assert "Todos los peldaños están terminados" in capsys.readouterr().out
    with pytest.raises(KeyError, match=r"there is no rung 'mpl' among these; did you mean 'mlp'\?"):
        runs["mpl"]


def test_quiet_is_quiet(climbed: esc.Run, capsys: pytest.CaptureFixture[str]) -> None:
    out = climbed.dir.path.parents[2]
    again = esc.climb(esc.load_ladder(LADDER), out=str(out), rungs=("mlp",), quiet=True)
    assert capsys.readouterr() == ("", "")
    assert again["mlp"].dir == climbed.dir


def test_a_ladder_from_a_mapping_is_that_of_the_file() -> None:
    import yaml

    Path("tiny.yaml").write_text(yaml.safe_dump(LADDER, sort_keys=False))
    from_file, mapped = esc.load_ladder("tiny.yaml"), esc.load_ladder(LADDER)
    assert mapped.ladder == from_file.ladder == esc.load_ladder(Path("tiny.yaml")).ladder
    assert mapped.folder is None
    loose = {
        **LADDER,
        "data": {**LADDER["data"], "test": np.float64(0.5), "image_size": (9, np.int64(8)), "channels": None},
    }
    rung = esc.load_ladder(loose, ["train.epochs=4", "train.batch_size=8"]).rungs[0]
    assert (rung.config.data.image_size, rung.config.data.test, rung.config.train.epochs) == ([9, 8], 0.5, 4)
    assert esc.load_ladder(LADDER, "train.epochs=4").rungs[1].config.train.epochs == 4
    sets = {"train.epochs": np.int64(4), "data.source": Path("cifar10"), "model.dense": [3]}
    rung = esc.load_ladder(LADDER, sets).rungs[0]
    assert (rung.config.train.epochs, rung.config.data.source) == (4, "cifar10")
    pictures = {**LADDER, "data": {"source": Path("photos"), "image_size": 8, "channels": 1}}
    assert esc.load_ladder(pictures).rungs[0].config.data.source == "photos"


def test_mistakes_in_a_mapping_are_told_together_by_their_place() -> None:
    bad = {
        "name": "tiny",
        "data": {"source": "digits", "sorce": 1},
        "rungs": [{"name": "mlp", "model": {"kind": "mlp", "dense": np.zeros(2)}, "train": {"epohcs": 1}}, 7],
    }
    with pytest.raises(LadderError) as error:
        esc.load_ladder(bad)
    told = str(error.value)
    for line in (
        "data.sorce: unknown key 'sorce'; did you mean 'source'?",
        "rungs[0] (mlp).model.dense: expected a number, a text, a list or a mapping, received ndarray\n",
        "rungs[0] (mlp).train.epohcs: unknown key 'epohcs'; did you mean 'epochs'?",
        "rungs[1]: ",
    ):
        assert line in told, told
    assert told.count(".dense") == 1  # null in its place is no mistake of the user's
    assert not re.search(r":\d+: ", told)  # there are no lines
    deep: dict[str, Any] = {}
    deep["data"] = deep
    with pytest.raises(LadderError, match="nested more than 50 deep"):
        esc.load_ladder(deep)


untyped: Any = esc
"""As it is called by who checks no types."""


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: untyped.climb("digist"), "unknown ladder 'digist'; did you mean 'digits'?"),
        (lambda: untyped.climb(5), "expected the name of a ladder, a path or a mapping, received 5 (int)"),
        (
            lambda: untyped.load_ladder(None),
            "expected the name of a ladder, a path or a mapping, received None (NoneType)",
        ),
        (lambda: untyped.climb("digits", rungs="cn"), "rungs cn: the ladder 'digits' has no such rung; did you mean"),
        (
            lambda: untyped.climb("digits", out=__file__),
            "test_interface.py/digits: Not a directory. Give another place with out.",
        ),
        (lambda: untyped.climb("digits", fresh="no"), "fresh: expected True or False, received 'no' (str)"),
        (lambda: untyped.climb("digits", skip_bad=None), "skip_bad: expected True or False, received None (NoneType)"),
        (lambda: untyped.climb("digits", quiet=0), "quiet: expected True or False, received 0 (int)"),
        (lambda: untyped.explore("digits", labels="x"), "labels: expected True or False, received 'x' (str)"),
        (
            lambda: untyped.Run("runs/x"),
            "Run: expected what esc.climb or esc.open gives, received 'runs/x' (str); type",
        ),
        (
            lambda: untyped.Predictor("runs/x"),
            "Predictor: expected what esc.climb or esc.open gives, received 'runs/x' (str); type",
        ),
        (lambda: untyped.climb("digits", rungs=3), "rungs: expected a text, or a list of texts, received 3 (int)"),
        (
            lambda: untyped.climb("digits", rungs=["mlp", 3]),
            "rungs: expected a text, or a list of texts, received ['mlp', 3]",
        ),
        (lambda: untyped.climb("digits", seeds=0), "seeds: expected how many, 1 or more, received 0 (int)"),
        (lambda: untyped.auto("digits", minutes=0), "minutes: expected minutes, more than 0, received 0 (int)"),
        (lambda: untyped.auto("digits", minutes="3"), "minutes: expected minutes, more than 0, received '3' (str)"),
        (lambda: untyped.auto(3), "source: expected a text or a path, received 3 (int)"),
        (lambda: untyped.climb("digits", seeds=[0, 1]), "seeds: expected how many, 1 or more, received [0, 1] (list)"),
        (lambda: untyped.climb("digits", seeds=True), "seeds: expected how many, 1 or more, received True (bool)"),
        (
            lambda: untyped.climb("digits", device="cdua"),
            "device: expected auto, cpu, cuda, received 'cdua' (str); did you m",
        ),
        (lambda: untyped.climb("digits", device=0), "device: expected auto, cpu, cuda, received 0 (int)"),
        (lambda: untyped.climb("digits", language="fr"), "language: expected en, es, received 'fr' (str)"),
        (lambda: untyped.climb("digits", out=None), "out: expected a path, received None (NoneType)"),
        (lambda: untyped.climb("digits", data_root=1), "data_root: expected a path, received 1 (int)"),
        *(
            (
                lambda ask=ask: ask(data_root="nowhere"),
                "data_root: expected a folder of data, but there is none at nowhere",
            )
            for ask in (untyped.sources, partial(untyped.explore, "digits"), partial(untyped.climb, "digits"))
        ),
        (lambda: untyped.climb("digits", sets="train.epochs"), "sets train.epochs: expected path=value"),
        (lambda: untyped.climb("digits", sets={"train.epohcs": 1}), "did you mean 'epochs'?"),
        (
            lambda: untyped.climb("digits", sets={"train.epochs": np.zeros(2)}),
            "sets: train.epochs: expected a number, a text, a list or a mapping, received array([0., 0.]) (ndarray)",
        ),
        (lambda: untyped.climb(esc.load_ladder(LADDER), sets="train.epochs=1"), "sets: expected in load_ladder"),
        (lambda: untyped.climb(esc.load_ladder(LADDER), data={}), "data: expected in load_ladder"),
        (
            lambda: untyped.climb("digits", language="ens"),
            "language: expected en, es, received 'ens' (str); did you mean",
        ),
        (lambda: untyped.load_ladder({}), "name"),
        (lambda: untyped.compare(3, "x"), "a run, or its folder as runs/digits/cnn: expected a path, received 3 (int)"),
        (lambda: untyped.compare("x", "y"), "expected the folder of a run or a rung, as runs/digits/cnn, received x."),
        (lambda: untyped.explore(3), "source: expected a text or a path, received 3 (int)"),
        (lambda: untyped.explore("nowhere"), "unknown source 'nowhere'"),
        (lambda: untyped.explore("digits", sets={"data.label_column": "x"}), "the digits come with scikit-learn"),
        (lambda: untyped.explore("digits", sets=4), "sets: expected a text, or a list of texts, received 4 (int)"),
        (lambda: untyped.explore("digits", out=4), "out: expected a path, received 4 (int)"),
        (lambda: untyped.explore("digits", language="fr"), "language: expected one of en, es, received 'fr'."),
        (lambda: untyped.sources(4), "data_root: expected a path, received 4 (int)"),
        (lambda: untyped.open(3), "expected a path, received 3 (int)"),
        (
            lambda: untyped.open("runs/x"),
            "expected the folder of a run, as runs/digits/cnn, received runs/x. There is no such folder.",
        ),
        (lambda: untyped.open("none.safetensors"), "there is no file none.safetensors"),
    ],
)
def test_what_is_no_argument_is_told(call: Callable[[], object], told: str) -> None:
    with pytest.raises(esc.EscaleraError) as error:
        call()
    assert told in str(error.value)
    in_spanish = translate(str(error.value), "es")
    assert in_spanish != str(error.value) and english_left(in_spanish) == [], in_spanish


@pytest.mark.parametrize("call", [esc.climb, esc.auto])
def test_a_gpu_that_is_not_there_is_refused_before_anything_begins(
    call: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(esc.EscaleraError, match=r"^device cuda: expected a CUDA device, found none \(torch "):
        call("digits", device="cuda")
    assert not Path("runs").exists()


def test_errors_name_arguments_not_options() -> None:
    kept = "/home/me/my cache/arrays-0123456789abcdef0123"
    for said, told in (
        ("Use --data-root, or --jobs 2 and --cluster slurm.", "Use data_root, or jobs 2 and executor slurm."),
        ("--settle x--out a/--out --outer --csv", "--settle x--out a/--out --outer --csv"),
        (f"{kept}: 'test_labels': there is none", "data: test: labels: there is none"),
        (f"{kept}: train_images: row 3: it is dark", "data: train: images: row 3: it is dark"),
        (f"the pictures in '{kept}' are gone", "the pictures in 'data' are gone"),
    ):
        with pytest.raises(DataError) as error, arguments.in_python():
            raise DataError(said)
        assert str(error.value) == told


def test_a_number_of_numpy_counts() -> None:
    assert arguments.count("seeds", np.int64(2)) == 2  # type: ignore[arg-type]


def test_ctrl_c_while_pytorch_was_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch  # noqa: F401 - its parts are there

    monkeypatch.delitem(sys.modules, "torch")
    for ask in (esc.load_ladder, esc.climb, esc.explore, esc.open):
        with pytest.raises(
            esc.EscaleraError, match="PyTorch was stopped while it was being loaded: restart Python"
        ) as error:
            ask("digits")
    assert translate(str(error.value), "es").startswith("PyTorch se detuvo mientras se cargaba: reinicia Python")


def test_a_run_that_failed_says_why() -> None:
    wild = {"name": "wild", "change": {"train.optimizer": {"name": "sgd", "lr": 1e30}}}
    runs = esc.climb({**LADDER, "rungs": [LADDER["rungs"][0], wild]}, quiet=True)
    why = f"^runs/tiny/wild/seed-0 failed: {re.escape(runs.failed[0].error)} Climb its ladder again to finish it.$"
    for ask in (
        lambda: runs["wild"].predict("x.png"),
        lambda: runs["wild"].classes,
        lambda: runs["wild"].metrics,
        lambda: esc.open("runs/tiny/wild"),
    ):
        with pytest.raises(RunError, match=why) as error:
            ask()
    assert "falló: la pérdida" in translate(str(error.value), "es")
    with pytest.raises(
        RunError, match=r"received runs/tiny/x\. There is no such folder\. The rungs in runs/tiny: mlp, wild\."
    ):
        esc.open("runs/tiny/x")


def test_two_runs_are_compared(climbed: esc.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    out = climbed.dir.path.parents[2]
    runs = esc.climb(LADDER, out=out, quiet=True)
    found = esc.compare(runs["mlp"], runs["wider"])
    assert isinstance(found, esc.RunComparison)
    assert (found.a, found.b, found.change) == ("mlp", "wider", {"model.dense": ([16], [32])})
    assert found.rows == pq.read_metadata(runs["mlp"].dir.predictions).num_rows
    assert found.accuracy_a == pytest.approx(runs["mlp"].metrics["test"]["accuracy"])
    assert found.difference == pytest.approx(found.accuracy_b - found.accuracy_a)
    assert found.difference == pytest.approx((found.gained - found.lost) / found.rows)
    assert found.interval[0] <= found.difference <= found.interval[1]
    assert 0 <= found.p <= 1 and found.verdict in ("better", "worse", "no evidence")
    # A rung is all of its seeds: here one; and the other way round the sign is another.
    back = esc.compare(out / "tiny" / "wider", str(out / "tiny" / "mlp"))
    assert back.difference == -found.difference and (back.gained, back.lost) == (found.lost, found.gained)
    # As the command says it.
    monkeypatch.chdir(out)
    monkeypatch.setattr("sys.argv", ["escalera", "compare", "tiny/mlp", "tiny/wider", "--out", "x", "--json"])
    with pytest.raises(SystemExit), redirect_stdout(StringIO()) as told:
        main()
    rung = json.loads(told.getvalue())["rungs"][1]
    assert (rung["difference"], rung["p_holm"], rung["verdict"]) == (found.difference, found.p, found.verdict)
    same = esc.compare(runs["mlp"], runs["mlp"])
    assert (same.difference, same.p, same.verdict) == (0, 1, "no evidence")


def test_runs_of_other_rows_are_not_compared(climbed: esc.Run) -> None:
    other = esc.climb(LADDER, sets="data.test=0.3", rungs="mlp", quiet=True)["mlp"]
    with pytest.raises(RunError, match=r"cannot be compared row by row with .*\n.*it was tested on 539 rows"):
        esc.compare(climbed, other)


def test_a_source_is_explored() -> None:
    found = esc.explore("digits", sets={"data.test": 0.25})
    assert isinstance(found, esc.Exploration)
    assert found.page == Path("explored/digits/explore.html") and found.page.is_file()
    assert json.loads(Path("explored/digits/explore.json").read_text(encoding="utf-8")) == found
    assert found["splits"]["train"]["rows"] == 1797
    assert 'lang="es"' in esc.explore(Path("digits"), language="es", out=Path("x")).page.read_text(encoding="utf-8")


@pytest.mark.parametrize("quiet", [False, True])
def test_labels_are_looked_through_aloud(
    quiet: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def look(found: object, group: object, tell: Callable[[int, int], object]) -> NoReturn:
        tell(1, 5)
        raise DataError("that is enough")

    monkeypatch.setattr("escalera.experiment.suspects.find.find_suspects", look)
    with pytest.raises(DataError, match="that is enough"):
        esc.explore("digits", labels=True, language="es", quiet=quiet)
    assert capsys.readouterr().out == ("" if quiet else "Buscando etiquetas erróneas: red 1 de 5\n")


def test_the_sources_are_a_table() -> None:
    from escalera.data.sources.locate import catalogue

    Path("data/photos/cat").mkdir(parents=True)
    found = esc.sources("data")
    assert list(found.columns) == ["name", "where", "form", "hub"]
    assert found.to_dict("records") == catalogue(Path("data"))
    assert found.iloc[-1].tolist() == ["photos", "data/photos", "folders", None]


def test_the_version_is_that_of_the_installation() -> None:
    assert esc.__version__ == importlib.metadata.version("escalera")


def test_the_import_is_light() -> None:
    code = (
        "import sys; before = set(sys.modules); import escalera as esc; dir(esc); esc.climb.__doc__\n"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['escalera']\n"


def test_an_earlier_run_is_opened_and_asked(climbed: esc.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(climbed.dir.path.parents[3])
    bundle.write_file(bundle.of_run(climbed.dir), Path("model.safetensors"))
    digit = Image.effect_noise((20, 30), 90)
    digit.save("digit.png")
    expected = climbed.predict("digit.png")
    assert expected.shape == (1, 10)
    assert climbed.classes == [str(number) for number in range(10)]
    for path in ("runs/tiny/mlp", Path("runs/tiny/mlp/seed-0"), "model.safetensors"):
        model = esc.open(path)
        assert isinstance(model, esc.Predictor)
        assert repr(model) == "Predictor(tiny/mlp/seed-0: 10 classes)"
        assert model.classes == climbed.classes
        np.testing.assert_array_equal(model.predict(digit), expected)
    with pytest.raises(RunError, match=r"Did you mean runs/tiny/mlp\?"):
        esc.open("runs/tiny/mpl")


def test_a_run_reads_its_weights_once(climbed: esc.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run = esc.Run(climbed.dir)
    black = Image.new("L", (8, 8), 255)
    first = run.predict(black)
    monkeypatch.setattr("escalera.inference.predictor.weights", lambda _: pytest.fail("read again"))
    np.testing.assert_array_equal(run.predict(black), first)


def test_the_names_are_listed_and_nearly_right_ones_told() -> None:
    assert dir(esc) == sorted([*esc.__all__, "__version__", "open"])
    assert esc.__all__ == sorted(esc.__all__)
    assert all(getattr(esc, name).__doc__ for name in dir(esc))
    with pytest.raises(AttributeError, match=r"module 'escalera' has no attribute 'clim'; did you mean 'climb'\?"):
        _ = esc.clim
    names: dict[str, Any] = {}
    exec("from escalera import *", names)
    assert "climb" in names and "open" not in names  # Python's own stays


def example(file: str) -> str:
    """The example in Python of a README."""
    [code] = re.findall(r"```python\n(.*?)```", (README / file).read_text(encoding="utf-8"), re.DOTALL)
    return str(code)


def test_both_readmes_have_the_same_example() -> None:
    english, spanish = (re.sub(r"  #.*", "", example(name)) for name in ("README.md", "README.es.md"))
    assert english == spanish.replace("cifra.png", "digit.png")


@pytest.mark.parametrize("file", ["README.md", "README.es.md"])
def test_the_example_of_the_readme_does_what_it_says(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # One rung for an epoch in the place of eight for sixty; all else is as it stands there.
    chosen = {"rungs": ["cnn"], "sets": ["train.epochs=1"]}
    monkeypatch.setattr(arguments, "texts", lambda name, given: chosen[name])
    for name in ("digit.png", "cifra.png"):
        Image.effect_noise((40, 30), 90).save(name)
    code = example(file)
    names: dict[str, Any] = {}
    shapes = []
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.Expr):
            shapes.append(eval(compile(ast.Expression(statement.value), file, "eval"), names).shape)
        else:
            exec(compile(ast.Module([statement], []), file, "exec"), names)
    said = [ast.literal_eval(shape) for shape in re.findall(r"-> (\([\d, ]+\))", code)]
    assert shapes == said == [(1797, 10), (1, 10)]
    assert names["images"].shape == (1797, 8, 8)
