"""Questions in JSON: read in one way only, and naming no file but those that were uploaded."""

import json
from pathlib import Path
from typing import Any

import pytest

from escalera.inference.serving.json_text import dump_json, parse_json
from escalera.studio.questions import ForbiddenError, Uploads, check_question

HOST = "127.0.0.1:7860"
INPUTS = {"0": 1, "1": 2, "predict": 2}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of uploads with one file in it, and two links that lead out of it."""
    (tmp_path / "up" / "x").mkdir(parents=True)
    (tmp_path / "up" / "x" / "a.png").write_bytes(b"png")
    (tmp_path / "secret.png").write_bytes(b"secret")
    (tmp_path / "up" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "up" / "away").symlink_to(tmp_path)
    return tmp_path / "up"


@pytest.mark.parametrize(
    "text",
    [
        b"{no json", b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1, "a": 2}', b'[{"a": {"b": 1, "b": 1}}]',
        b"[" * 50_000, b'{"a":' * 50_000, b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-32"), b"\xff", b"", b" ", b'{"a": 1e999}', b'"\\ud800"', b'{"\\udfff": 1}',
        b"9" * 5_000, b"{} {}", b"{'a': 1}", b"[1,]", b"// x\n{}", "\u00a0{}".encode(), b'"\x00"',
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways(text: bytes) -> None:
    with pytest.raises(ValueError, match="expected JSON in UTF-8"):
        parse_json(text)


def test_what_is_read_is_written_as_it_was_read() -> None:
    said = {"ñ": [1, 2.5, None, True, "\u0000", "\U0001f600"], "": {}}
    assert parse_json(json.dumps(said)) == parse_json(json.dumps(said, ensure_ascii=False).encode()) == said
    assert parse_json(dump_json(said)) == said
    # A character beyond the first plane may be written as its two halves.
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"


@pytest.mark.parametrize(
    "path",
    ["http://x.example/a.png", " HTTPS://x", "//x/y", "data:image/png;base64,AA", "file:///etc/passwd",
     "file://{up}/x/a.png", "/etc/passwd", "etc/passwd", "{up}/../secret.png", "{up}-x/a.png", "{up}/link.png",
     "{up}/away/secret.png", "{up}/x/../x/a.png", "{up}", "{up}/x", "{up}/x/none.png", "\0", "", " {up}/x/a.png",
     "x/a.png", "{up}/x/a.png\0", "{up}/x/a.png/", "{up}/x/a.png/..", "C:\\x.png", "\\\\x.example\\x\\a.png",
     "{up}\\x\\a.png", "~/x.png", "{up}/%78/a.png", "{up}/x/a%2epng", "/dev/stdin", "/proc/self/environ", "\ud800",
     "{up}/X/A.PNG/" + "a" * 5_000, "{up}//x/a.png", "{up}/./x/a.png", "/{up}/x/a.png"]
)  # fmt: skip
def test_a_file_that_was_not_uploaded(folder: Path, path: str) -> None:
    uploads, path = Uploads(folder), path.replace("{up}", str(folder))
    assert not uploads.hold(path)
    for question in (
        {"data": [1, {"path": path, "meta": {"_type": "gradio.FileData"}}]}, [[{"PATH": path}]],
        {"data": [{"value": {"image": [{"path": path}]}}]}, {"event_data": {" path ": path}},
        {"data": [{"path": str(folder / "x/a.png"), "inner": {"path": path}}]},
    ):  # fmt: skip
        with pytest.raises(ForbiddenError, match="files are uploaded, and named as such"):
            uploads.check(question, HOST)


def test_a_folder_that_is_reached_by_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "short").symlink_to(folder)
    for way in (folder, tmp_path / "short"):
        for path in (folder / "x/a.png", tmp_path / "short/x/a.png"):
            assert Uploads(way).hold(str(path)) == (path.is_relative_to(way) or way != folder)
        assert not Uploads(way).hold(str(tmp_path / "secret.png"))
        assert not Uploads(way).hold(str(tmp_path / "short/away/secret.png"))


def test_a_drawing_is_named_as_one(folder: Path) -> None:
    """gradio's page sends an uploaded SVG with its content as the address."""
    file = {"path": str(folder / "x/a.png"), "url": "data:image/svg+xml,%3Csvg%3E"}
    with pytest.raises(ForbiddenError, match="a drawing in SVG is not read: save it as PNG"):
        Uploads(folder).check({"data": [file]}, HOST)


def test_what_was_uploaded(folder: Path) -> None:
    file = str(folder / "x" / "a.png")
    for url in (None, "", f"http://{HOST}/en/gradio_api/file={file}", f"/es/gradio_api/file={file}"):
        named = {"path": file, "url": url, "orig_name": "a b.png", "meta": {"_type": "gradio.FileData"}}
        Uploads(folder).check({"data": [[named], "path", {"other": "/etc/passwd"}, None]}, HOST)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("url", "http://x.example/a.png"), ("url", "http://x.example/en/gradio_api/file={file}"), ("url", "data:,x"),
        ("url", f"http://{HOST}/en/gradio_api/file=/etc/passwd"), ("url", 3), ("url", ["x"]), ("URL", "http://x"),
        ("url", f"http://{HOST}@x.example/en/gradio_api/file={{file}}"), ("url", f"http://{HOST}/en/config"),
        ("url", "/fr/gradio_api/file={file}"), ("url", "file://{file}"), ("url", {"path": "{file}"}),
        ("url", f"http://{HOST}/en/gradio_api/file=%2e%2e/x"), ("url", f"http://{HOST}/gradio_api/file="),
        ("orig_name", "../../x"), ("orig_name", "a\\b"), ("orig_name", ".."), ("orig_name", 3), ("orig_name", "\0"),
        ("path", {"a": 1}), ("path", ["{file}"]), ("path", None), ("path", 0), ("path", True),
        ("Path", "/etc/passwd"), (" path", "/etc/passwd"), ("PATH\n", "/etc/passwd"),
    ],
)  # fmt: skip
def test_what_else_is_said_of_a_file(folder: Path, key: str, value: Any) -> None:
    file = str(folder / "x" / "a.png")
    value = value.replace("{file}", file) if isinstance(value, str) else value
    with pytest.raises(ForbiddenError, match="files are uploaded"):
        Uploads(folder).check({"data": [[{"image": {"path": file, key: value}}]]}, HOST)


@pytest.mark.parametrize(
    ("route", "name", "question", "message"),
    [
        ("join", "", [], "expected a JSON object, received list"),
        ("cancel", "", "x", "expected a JSON object, received str"),
        ("join", "", {"data": [1]}, "there is no function '' here"),
        ("join", "", {"data": [1], "fn_index": 7}, "there is no function '7' here"),
        ("join", "", {"data": [1], "fn_index": -1}, "there is no function '-1' here"),
        ("join", "", {"data": [1], "fn_index": True}, "there is no function '' here"),
        ("join", "", {"data": [1], "fn_index": "predict"}, "there is no function '' here"),
        ("join", "", {"data": [1], "fn_index": 10**4_000}, "there is no function '' here"),
        ("join", "", {"data": [1], "fn_idx": 0}, "unknown key 'fn_idx'; did you mean 'fn_index'?"),
        ("join", "", {"data": [1, 2], "fn_index": 0}, "data: expected a list of 1 values, received 2"),
        ("join", "", {"data": "x", "fn_index": 0}, "data: expected a list of 1 values, received str"),
        ("join", "", {"fn_index": 0}, "data: expected a list of 1 values, received NoneType"),
        ("call", "0", {"data": [1], "fn_index": 0}, "unknown key 'fn_index'; known: data, session_hash"),
        ("call", "nobody", {"data": [1]}, "there is no function 'nobody' here"),
        ("call", "predict", {"data": [1]}, "data: expected a list of 2 values, received 1"),
        ("reset", "", {"data": []}, "unknown key 'data'; known: event_id"),
        ("cancel", "", {"a" * 100: 1}, f"unknown key '{'a' * 60}'; known: event_id, fn_index, session_hash"),
    ],
)
def test_a_question_that_cannot_be_answered(route: str, name: str, question: Any, message: str) -> None:
    with pytest.raises(ValueError) as raised:
        check_question(route, name, question, INPUTS)
    assert str(raised.value) == message


def test_questions_that_can() -> None:
    check_question(
        "join", "", {"data": [1], "fn_index": 0, "session_hash": "x", "event_data": None, "trigger_id": 3}, INPUTS
    )
    check_question("call", "predict", {"data": [1, 2]}, INPUTS)
    check_question("cancel", "", {"session_hash": "x", "fn_index": 0, "event_id": None}, INPUTS)
    check_question("reset", "", {"event_id": "x"}, INPUTS)
