import json
import sys

import pytest

from escalera import cli
from escalera.core.errors import EscaleraError
from escalera.ladder.catalogue import find, kinds


def test_every_kind_of_the_schema_with_its_settings() -> None:
    found = {kind["kind"]: kind for kind in kinds()}
    assert {"mlp", "cnn", "alexnet", "backbone", "transfer", "head"} <= set(found)
    assert list(found)[-1] == "head"
    settings = {setting["key"]: setting for setting in found["cnn"]["settings"]}
    assert settings["blocks"]["required"]
    assert settings["pool"] == {
        "key": "pool",
        "expects": "one of 'max', 'max_same', 'none', or a list of such",
        "required": False,
        "default": "max",
        "description": "max_same keeps the last row and column of an odd map; one for all, or one per block",
    }
    assert all(kind["description"] for kind in found.values())
    assert not any(setting["key"] in ("kind", "head") for kind in found.values() for setting in kind["settings"])


def test_networks_by_part_of_their_name_and_by_pattern() -> None:
    networks = {network["name"]: network["weights"] for network in find("VGG16")["networks"]}
    assert networks == {"vgg16": ["tv_in1k"], "vgg16_bn": ["tv_in1k"]}
    assert [network["name"] for network in find("vgg")["networks"]][:2] == ["vgg11", "vgg11_bn"]
    assert [network["name"] for network in find("vgg1?")["networks"]] == ["vgg11", "vgg13", "vgg16", "vgg19"]


def test_a_kind_is_found_by_its_name() -> None:
    found = find("cnn")
    assert [kind["kind"] for kind in found["kinds"]] == ["cnn"]


def test_nothing_fits_and_the_nearest_are_named() -> None:
    with pytest.raises(EscaleraError) as caught:
        find("resnt50")
    assert str(caught.value).startswith(
        "no model kind and no network of timm is called 'resnt50'; the nearest are resnet50"
    )
    with pytest.raises(EscaleraError, match=r"is called 'cnnn'; did you mean 'cnn'\?$"):
        find("cnnn")
    with pytest.raises(EscaleraError, match=r"is called 'qqqqqq'; known: .*cnn"):
        find("qqqqqq")


def test_the_command_lists_kinds_and_finds_networks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["escalera", "models", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code in (0, None)
        return capsys.readouterr().out

    monkeypatch.setenv("COLUMNS", "120")
    out = run()
    assert "cnn: Blocks of 3x3 convolutions" in out
    assert "dropout_place  after_pool" in out
    assert run("vgg16").startswith(
        "Networks of timm, with the names of their weights; as model: {kind: backbone, name: vgg16,"
    )
    assert "vgg16_bn  tv_in1k" in run("vgg16")
    assert "[logistic_regression, linear_svm," in " ".join(run("votes").split())
    assert json.loads(run("vgg16", "--json"))["networks"][0] == {"name": "vgg16", "weights": ["tv_in1k"]}
