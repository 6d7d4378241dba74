"""Forms with files: read in one way only, and written anew."""

import pytest

from escalera.inference.serving.forms import Part, check_files, is_form, read_form, write_form

KIND = "multipart/form-data; boundary=x"
FILE = b'Content-Disposition: form-data; name="files"; filename="a.png"'


def form(*parts: tuple[bytes, bytes], end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + head + b"\r\n\r\n" + content + b"\r\n" for head, content in parts) + end


def test_the_parts_of_a_form() -> None:
    more = b"Content-Disposition: form-data; name=model"
    body = form((FILE + b"\r\nContent-Type: image/png", b"\r\n--x is no end\r\n--"), (more, "ñ".encode()))
    for kind in (KIND, 'Multipart/Form-Data; Boundary="x"', " multipart/FORM-DATA ;boundary=x; charset=utf-16"):
        assert is_form(kind)
        assert read_form(kind, body.replace(b"--x is", b"--X is")) == [
            Part("files", "a.png", b"\r\n--X is no end\r\n--"), Part("model", None, "ñ".encode())
        ]  # fmt: skip
    assert read_form(KIND, body.replace(b"--x is", b"--X is"))[1].text == "ñ"
    assert read_form(KIND, b"--x--") == []
    for kind in ("", "application/json", "multipart/mixed; boundary=x", "multipart/form-data-x; boundary=x"):
        assert not is_form(kind)


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        ("", form((FILE, b"a")), "expected multipart/form-data with a boundary"),
        ("multipart/form-data", form((FILE, b"a")), "expected multipart/form-data with a boundary"),
        ("multipart/form-data; boundary=", b"----", "expected multipart/form-data with a boundary"),
        ("multipart/form-data; boundary=" + "b" * 201, b"", "expected multipart/form-data with a boundary"),
        ("multipart/mixed; boundary=x", form((FILE, b"a")), "expected multipart/form-data with a boundary"),
        (KIND, b"", "it is cut short, or its boundary is another"),
        (KIND, form((FILE, b"a"), end=b""), "it is cut short"),
        (KIND, form((FILE, b"a"), end=b"--x"), "it is cut short"),
        (KIND, form((FILE, b"a"), end=b"--x-"), "it is cut short"),
        (KIND, form((FILE, b"a"))[:-9], "it is cut short"),
        (KIND, form((FILE, b"a")) + b"more", "it is cut short"),
        (KIND, b"before\r\n" + form((FILE, b"a")), "it is cut short"),
        (KIND, form((FILE, b"a")).replace(b"\r\n", b"\n"), "it is cut short"),
        ("multipart/form-data; boundary=y", form((FILE, b"a")), "its boundary is another"),
        (KIND, b"--x\r\n" + FILE + b"\r\n--x--", "expected a name for each part, in UTF-8"),
        (KIND, b"--x\r\nContent-Dispo\r\n--x--", "expected a name for each part"),
        (KIND, form((b"X: y", b"a")), "expected a name for each part"),
        (KIND, form((b"Content-Disposition: form-data", b"a")), "expected a name for each part"),
        (KIND, form((b"Content-Disposition: attachment; name=files", b"a")), "expected a name for each part"),
        (KIND, form((FILE + b"\r\n" + FILE, b"a")), "expected a name for each part"),
        (KIND, form((FILE.replace(b"a.png", b"\xff.png"), b"a")), "expected a name for each part, in UTF-8"),
        (KIND, form(*[(FILE, b"a")] * 1_001), "the form has 1001 parts: at most 1000 are taken"),
    ],
)
def test_a_form_that_is_none(kind: str, body: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_form(kind, body)


def test_text_that_is_none() -> None:
    with pytest.raises(ValueError, match="the part called 'model' cannot be read: expected text in UTF-8"):
        _ = Part("model", None, b"\xff").text


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([], "expected files as parts called files, received none"),
        ([Part("file", "a.png", b"")], "expected files as parts called files, received a part called 'file'"),
        ([Part("files", None, b"")], "received a part called 'files'"),
        *(
            ([Part("files", "a.png", b""), Part("files", name, b"")], "expected the name of a file, as photo.png")
            for name in (
                "",
                ".",
                "..",
                "/",
                "../x.png",
                "/tmp/x.png",
                "x/a.png",
                "x\\a.png",
                "a\0.png",
                "a\n.png",
                "a\x7f",
            )
        ),
    ],
)
def test_files_that_are_none(parts: list[Part], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_files(parts, "files")


def test_what_is_written_is_what_was_read() -> None:
    parts = [Part("files", 'a "b" ñ.png', b"\r\n--x--\r\n"), Part("files", "..a", b"")]
    check_files(parts, "files")
    kind, body = write_form(parts)
    assert read_form(kind, body) == [Part("files", "a %22b%22 ñ.png", b"\r\n--x--\r\n"), Part("files", "..a", b"")]
