"""All that can be known of a ladder without its data is told in one attempt, and a flood of mistakes is cut short."""

from pathlib import Path

import pytest

import escalera as esc
from escalera.core.errors import LISTED, LONGEST, LadderError
from escalera.ladder.read import MOST_RUNGS

MANY = """name: ten
sed: 3
data: {source: fashon_mnist, validation: 1.5, image_sise: 32}
rungs:
  - name: base
    model: {kind: cnn, blocks: [[32], 16], heads: {dense: [32]}, batch_norm: layer}
    train:
      epochs: ten
      optimizer: {name: adm, lrr: 1e-3}
      early_stopping: {monitor: val_los, patience: 0}
  - name: deeper
    from: bas
    change: {model.blocks: [[32], [64]], model.hed.dense: [10], train.lr: 0.1}
  - name: two
    change: {model: {kind: timm, name: resnet50, weights: imagent, trainable: some}}
  - name: three
    from: null
    data: {source: ./nowhere/photos}
    model: {kind: ResNet-50}
  - name: four
    change: {model: {kind: backbone, name: resnet5, weights: missing.safetensors, head: {pool: avg}}}
  - name: five
    change: {model: {kind: transfer, weights: {from: nobody}}}
  - name: six
    change: {model: {kind: fusion, branches: {a: {kind: cnn, block: [[3]]}, b: {kind: mpl, dens: [3]}}}}
  - name: seven
    change: {data.target: price, data.bands: 1, data.label_column: kind}
"""
TOLD = [
    "2: sed: unknown key 'sed'; did you mean 'seed'?",
    "3: data.validation: expected a number above 0 and below 1, received 1.5",
    "3: data.image_sise: unknown key 'image_sise'; did you mean 'image_size'?",
    "3: data.source: unknown source 'fashon_mnist'; did you mean 'fashion_mnist'? There is no such file or folder "
    "here, beside the ladder, or below data_root or ESCALERA_DATA",
    "6: rungs[0] (base).model.blocks[1]: expected a list of one or more whole numbers of at least 1, received 16",
    "6: rungs[0] (base).model.heads: unknown key 'heads'; did you mean 'head'?",
    "6: rungs[0] (base).model.batch_norm: expected one of 'none', 'conv', 'block', or a list of such, received 'layer'",
    "8: rungs[0] (base).train.epochs: expected a whole number of at least 1, received 'ten'",
    "9: rungs[0] (base).train.optimizer.name: unknown name 'adm'; did you mean 'adam'?",
    "9: rungs[0] (base).train.optimizer.lrr: unknown key 'lrr'; did you mean 'lr'?",
    "10: rungs[0] (base).train.early_stopping.monitor: expected one of 'val_loss', 'val_accuracy', "
    "'val_balanced_accuracy', 'val_macro_f1', or a list of such, "
    "received 'val_los'; did you mean 'val_loss'?",
    "10: rungs[0] (base).train.early_stopping.patience: expected a whole number of at least 1, received 0",
    "12: rungs[1] (deeper).from: expected the name of a rung, received 'bas'; did you mean 'base'?",
    "13: rungs[1] (deeper).change.model.hed.dense: unknown key 'hed' for kind 'cnn'; did you mean 'head'?",
    "13: rungs[1] (deeper).change.train.lr: unknown key 'lr'; did you mean 'train.optimizer.lr'?",
    "15: rungs[2] (two).change.model.kind: unknown kind 'timm'; did you mean 'backbone', any network of timm?",
    "15: rungs[2] (two).change.model.trainable: expected one of 'all', 'none' or a mapping such as {last: ...}, "
    "received 'some'",
    "15: rungs[2] (two).change.model.weights: expected 'imagenet', 'none', the path of a .safetensors file, or "
    "{from: <rung>}, received 'imagent'; did you mean 'imagenet'?",
    "18: rungs[3] (three).data.source: unknown source './nowhere/photos'; known: digits, mnist, fashion_mnist, "
    "cifar10, cifar100. There is no such file or folder here, beside the ladder, or below data_root or ESCALERA_DATA",
    "19: rungs[3] (three).model.kind: unknown kind 'ResNet-50'; did you mean "
    "{kind: backbone, name: resnet50, weights: imagenet}?",
    "21: rungs[4] (four).change.model.head.pool: expected one of 'flatten', 'average', 'max', received 'avg'; "
    "did you mean 'average'?",
    "21: rungs[4] (four).change.model.name: unknown network 'resnet5' of timm; did you mean 'resnet50' or 'resnet51q' "
    "or 'resnet50t'?",
    "21: rungs[4] (four).change.model.weights: expected a file of weights, but there is none at missing.safetensors",
    "23: rungs[5] (five).change.model.weights: unknown rung 'nobody'; known: base, deeper, two, three, four",
    "25: rungs[6] (six).change.model.branches.a.block: unknown key 'block'; did you mean 'blocks'?",
    "25: rungs[6] (six).change.model.branches.b.kind: unknown kind 'mpl'; did you mean 'mlp'?",
    "25: rungs[6] (six).change.model.branches.b.dens: unknown key 'dens'; did you mean 'dense'?",
    "27: rungs[7] (seven).change.data.bands: expected a whole number of at least 2, received 1",
]


def told(folder: Path, text: str, data_root: Path | None = None) -> LadderError:
    file = folder / "ten.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(LadderError) as caught:
        esc.load_ladder(file, data_root=data_root)
    return caught.value


def test_mistakes_of_every_kind_are_told_in_one_attempt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    error = told(tmp_path, MANY)
    lines = [line.removeprefix(f"{tmp_path}/ten.yaml:") for line in str(error).splitlines()]
    assert sorted(lines[:-1]) == sorted(TOLD)
    assert lines[-1] == f"{len(TOLD)} problems in the ladder; nothing was run."
    numbers = [int(line.partition(":")[0]) for line in lines[:-1]]
    assert numbers == sorted(numbers)


def test_a_source_below_the_data_root_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "data" / "fashon_mnist").mkdir(parents=True)
    (tmp_path / "nowhere" / "photos").mkdir(parents=True)  # beside the ladder
    assert "unknown source" not in str(told(tmp_path, MANY, tmp_path / "data"))
    on_the_hub = MANY.replace("fashon_mnist", "ada/ants")
    assert "unknown source" not in str(told(tmp_path, on_the_hub))


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("vgg16", "{kind: backbone, name: vgg16, weights: imagenet}"),
        ("VGG-16", "{kind: backbone, name: vgg16, weights: imagenet}"),
        ("resnet", "{kind: backbone, name: resnet, weights: imagenet}"),
        ("efficientnet-b0", "{kind: backbone, name: efficientnet_b0, weights: imagenet}"),
        ("DenseNet121", "{kind: backbone, name: densenet121, weights: imagenet}"),
        ("wide_resnet50_2", "{kind: backbone, name: wide_resnet50_2, weights: imagenet}"),
        ("vit_base_patch16_224", "{kind: backbone, name: vit_base_patch16_224, weights: imagenet}"),
        ("timm", "'backbone', any network of timm"),
        ("dense", "'mlp'"),
        ("ensemble", "'votes'"),
        ("tabel", "'table'"),
        ("alexnt", "'alexnet'"),
    ],
)
def test_what_people_call_a_kind_elsewhere(tmp_path: Path, kind: str, meant: str) -> None:
    text = f"name: x\ndata: {{source: digits}}\nrungs:\n  - name: a\n    model: {{kind: {kind}}}\n"
    assert f"5: rungs[0] (a).model.kind: unknown kind '{kind}'; did you mean {meant}?" in str(told(tmp_path, text))


def test_a_kind_that_is_like_none(tmp_path: Path) -> None:
    text = "name: x\ndata: {source: digits}\nrungs:\n  - name: a\n    model: {kind: [unet]}\n"
    assert "unknown kind ['unet']; known: alexnet, backbone, cnn," in str(told(tmp_path, text))


def test_a_flood_of_mistakes_is_cut_short(tmp_path: Path) -> None:
    keys = "\n".join(f"k{number}: 1" for number in range(3000))
    error = told(tmp_path, f"name: x\n{keys}\n{'y' * 900}: 1\ndata: {{source: digits}}\nrungs: 3\n")
    lines = str(error).splitlines()
    assert len(error.problems) == 3002
    assert lines[-2:] == [f"... and {3002 - LISTED:,} more", "3002 problems in the ladder; nothing was run."]
    assert len(lines) == LISTED + 2
    assert lines[0].endswith("ten.yaml:2: k0: unknown key 'k0'")
    error = told(tmp_path, f"name: x\n{'y' * 900}: 1\n")
    assert max(map(len, str(error).splitlines())) == LONGEST + 3


def test_a_ladder_of_too_many_rungs(tmp_path: Path) -> None:
    first = "  - {name: a, model: {kind: mlp, dense: [4]}}\n"
    rungs = "".join(f"  - {{name: r{number}}}\n" for number in range(MOST_RUNGS))
    error = told(tmp_path, f"name: x\ndata: {{source: digits}}\nrungs:\n{first}{rungs}")
    assert (
        str(error)
        .splitlines()[0]
        .endswith("ten.yaml:3: rungs: expected 1,000 rungs at most, received 1,001; make several ladders of them")
    )
