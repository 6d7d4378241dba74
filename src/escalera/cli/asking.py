"""Commands that ask what was trained, and hand it on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from escalera.cli.app import command, echo_json
from escalera.cli.lines import echo, echo_markdown
from escalera.cli.options import HERE, DataRoot, Debug, Json, Lang, Language, WeightsRoot, folder, words_of

Host = Annotated[
    str, typer.Option(metavar="ADDRESS", help="The address to listen on; any but this machine's needs --auth.")
]
Auth = Annotated[
    str | None,
    typer.Option(
        metavar="USER:PASSWORD", envvar="ESCALERA_AUTH", help="user:password, which whoever asks has to give."
    ),
]
IKnow = Annotated[
    bool, typer.Option("--i-know", help="Listen on another address without a password: anybody there may use it.")
]


@command("escalera predict runs/digits/cnn photo.png", "escalera predict runs/digits/cnn *.png --json")
def predict(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="The folder of a run, as runs/digits/cnn, a model in one file, or hf:owner/name."
        ),
    ],
    images: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILE",
            help="Pictures (JPEG, PNG, WebP, AVIF, BMP, TIFF or GIF), folders of them, or a table like that of train.",
        ),
    ] = None,
    attributes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TEXT", help="The row beside a picture, as 'area=1200, zipcode=92880'; once for each row, in order."
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="How many classes of each picture to print.")] = 5,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Answer for the others where some cannot be decoded; the exit code is 1.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A file for the answers: .csv, which a spreadsheet opens, or .json."),
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print the answers as CSV on standard output.")] = False,
    lang: Lang = HERE,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Ask a trained run: the likeliest classes of each image.

    Or of each row, where it learned from attributes.
    """
    from escalera.cli.terminal.answers import print_answers
    from escalera.cli.terminal.reading import reading_shown
    from escalera.inference.files import predict_files
    from escalera.inference.written import as_csv, check_writing, write_answers

    check_writing(out, csv=csv, json=json_)
    words = words_of(lang)
    with reading_shown(words):
        found = predict_files(
            run,
            images or [],
            attributes=attributes or [],
            top=top,
            skip_bad=skip_bad,
            tell=lambda note: _tell(note, lang),
        )
    if out is not None:
        write_answers(out, found, top)
        typer.echo(f"{words.say('predict.answers')}: {out}", err=json_ or csv)
    if json_:
        echo_json(found)
    elif csv:
        typer.echo(as_csv(found, top), nl=False)
    elif out is None:
        print_answers(found, echo, words)
    bad = sum(answer["error"] is not None for answer in found)
    if bad:
        key = "predict.unanswered_one" if bad == 1 else "predict.unanswered"
        echo(words.say(key, bad=words.number(bad), all=words.number(len(found))), fg="yellow", err=True)
        raise typer.Exit(1)


@command("escalera export runs/digits/cnn cnn.safetensors", "escalera export runs/digits/cnn cnn.onnx")
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, as runs/digits/cnn.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write: cnn.safetensors or cnn.onnx.")],
    int8: Annotated[bool, typer.Option("--int8", help="Of .onnx: eight bits a number, a quarter of the size.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --int8: write it though it loses more than a little accuracy.")
    ] = False,
    data_root: DataRoot = None,
    lang: Lang = HERE,
    debug: Debug = False,
) -> None:
    """Write a trained model as one file.

    `escalera predict` opens it on any machine; .onnx needs no PyTorch, and is tried on the run's test rows.
    """
    from escalera.core.errors import RunError
    from escalera.inference.bundle import write_file
    from escalera.inference.files import find_trained

    words = words_of(lang)
    _tell_of_folds(run, lang)
    if file.suffix.lower() == ".onnx":
        from escalera.inference.onnx_export import write_onnx
        from escalera.inference.onnx_summary import summary_of

        written = write_onnx(find_trained(run), file, data_root=data_root, int8=int8, force=force)
        typer.echo(f"{words.say('model')}: {file}")
        echo("\n".join(summary_of(written, lang.value, plain=True)))
        _card_beside(run, file, lang)
        echo(words.say("export.beside"))
        return
    if int8 or force:
        raise RunError(f"--int8 and --force are for a file that ends in .onnx, received {file.name}")
    write_file(find_trained(run), file)
    typer.echo(f"{words.say('model')}: {file}")


def _tell_of_folds(run: Path, lang: Language) -> None:
    from escalera.inference.files import of_folds

    for note in of_folds(run):
        _tell(note, lang)


def _tell(note: str, lang: Language) -> None:
    from escalera.core.translation import translate

    echo(translate(note, lang.value), fg="yellow", err=True)


def _card_beside(run: Path, file: Path, lang: Language) -> None:
    """The model card of a run, as FILE.md; a single file has no records to write one from."""
    from escalera.core.files import write_aside
    from escalera.inference.card import card as card_of
    from escalera.inference.files import find_run

    if run.is_dir():
        text = card_of(find_run(run), lang.value)
        write_aside(file.with_name(f"{file.name}.md"), lambda out: out.write(text.encode()), named=True)


@command("escalera card runs/digits/cnn", "escalera card runs/digits/cnn README.md --lang es")
def card(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, as runs/digits/cnn.")],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The file to write; else it is printed.")
    ] = None,
    lang: Lang = HERE,
    debug: Debug = False,
) -> None:
    """Write the model card of a run.

    Its data, recipe, results and limits, as the Hugging Face Hub reads them.
    """
    from escalera.core.files import write_aside
    from escalera.inference.card import card as card_of
    from escalera.inference.files import find_run

    text = card_of(find_run(run), lang.value)
    if file is None:
        echo_markdown(text)
    else:
        write_aside(file, lambda out: out.write(text.encode()), named=True)


@command("escalera push runs/digits/cnn ana/digits-cnn", "escalera push runs/digits/cnn ana/digits-cnn --public")
def push(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, as runs/digits/cnn.")],
    name: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="The repository; it is made where there is none.")],
    public: Annotated[bool, typer.Option("--public", help="Let everybody see a repository that is made.")] = False,
    lang: Lang = HERE,
    debug: Debug = False,
) -> None:
    """Put a model on the Hugging Face Hub, with its card and scores.

    `escalera predict hf:OWNER/NAME` opens it anywhere. The token is HF_TOKEN, or that of `hf auth login`.
    """
    from escalera.inference.files import find_run
    from escalera.inference.published import push as put

    typer.echo(f"{words_of(lang).say('model')}: {put(find_run(run), name, lang.value, public=public)}")


@command("escalera serve runs/digits/cnn", "escalera serve cnn.onnx --workers 2 --host 0.0.0.0 --auth ana:secret")
def serve(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="The folder of a run, as runs/digits/cnn, or a model in one file.")
    ],
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=1, max=65535, help="The port to listen on.")] = 8000,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Processes that answer, each with the model in its memory.")
    ] = 1,
    auth: Auth = None,
    i_know: IKnow = False,
    lang: Lang = HERE,
    debug: Debug = False,
) -> None:
    """Answer over HTTP, without a page.

    POST /predict takes a picture, GET /health and /metrics tell how it is; see docs/serve.md.
    """
    from escalera.inference.serving.server import serve as answer

    words = words_of(lang)
    _tell_of_folds(model, lang)
    answer(
        model,
        host=host,
        port=port,
        auth=auth,
        i_know=i_know,
        workers=workers,
        ready=lambda address: typer.echo(words.say("serve.ready", address=address, model=model)),
    )


@command("escalera studio", "escalera studio --host 0.0.0.0 --auth ana:secret")
def studio(
    host: Host = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=1, max=65535, help="The port to listen on.")] = 7860,
    auth: Auth = None,
    i_know: IKnow = False,
    model: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A model in one file to open; may be given several times.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", callback=folder, help="Where runs are, and go.")] = Path("runs"),
    data_root: DataRoot = None,
    weights_root: WeightsRoot = None,
    lang: Lang = HERE,
    debug: Debug = False,
) -> None:
    """Open a web page to classify, compare, explore and climb."""
    from escalera.studio.start import start

    start(
        host=host,
        port=port,
        auth=auth,
        i_know=i_know,
        models=model or [],
        out=out,
        data_root=data_root,
        ready=lambda address: typer.echo(words_of(lang).say("studio.ready", address=address)),
    )
