"""Sets of pictures made in the browser: what they may be called, and what may be done to them."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread, current_thread

import pytest

from escalera.core.errors import DataError
from escalera.core.files import read_json, write_json
from escalera.core.locking import in_turn
from escalera.studio.i18n import load_words
from escalera.studio.pictures import sets as module
from escalera.studio.pictures import training
from escalera.studio.pictures import unpack as unpacking
from escalera.studio.pictures.intake import Taken, take
from escalera.studio.pictures.names import class_name, file_name, look, set_name
from escalera.studio.pictures.sets import PictureSets
from escalera.studio.pictures.training import Trainer

Png = Callable[..., bytes]


@pytest.fixture
def sets(tmp_path: Path) -> PictureSets:
    made = PictureSets(tmp_path / "data")
    made.make("fruit")
    made.add_class("fruit", "apple")
    return made


def zipped(files: dict[str, bytes], kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_two_pages_give_no_version_twice(sets: PictureSets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one page is between reading the versions and writing them, another comes as far as it is let."""
    sets.make("tools")
    there, read = Event(), read_json
    other = Thread(target=lambda: Trainer(sets, tmp_path).ladder("tools", "quick"))

    class Watched:
        """A lock that says when somebody comes to it while it is held."""

        def __init__(self) -> None:
            self.lock = Lock()

        def __enter__(self) -> None:
            if self.lock.locked():
                there.set()
            self.lock.acquire()

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    def slow(path: Path) -> object:
        if current_thread() is other:
            try:
                return read(path)
            finally:
                there.set()
        try:
            return read(path)
        finally:
            other.start()
            assert there.wait(60)

    monkeypatch.setattr(training, "_LOCK", Watched(), raising=False)
    monkeypatch.setattr(training, "read_json", slow)
    assert Trainer(sets, tmp_path).ladder("fruit", "quick") == "fruit-v1-quick"
    other.join()
    known = read(tmp_path / ".studio" / "ladders" / "versions.json")
    assert known == {"fruit": [sets.state("fruit")], "tools": [sets.state("tools")]}


def test_two_studios_give_no_version_twice(sets: PictureSets, tmp_path: Path) -> None:
    """Another process that has read the versions and not yet written them is waited for."""
    folder, found = tmp_path / ".studio" / "ladders", list[str]()
    late = Thread(target=lambda: found.append(Trainer(sets, tmp_path).ladder("fruit", "quick")))
    with in_turn(folder / ".versions.lock"):
        late.start()
        late.join(1)
        write_json(folder / "versions.json", {"fruit": ["an earlier state"]})
    late.join(60)
    assert found == ["fruit-v2-quick"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "expected a name for a set, received none"),
        ("..", "expected letters, digits"),
        ("../x", "expected letters, digits"),
        ("a/b", "expected letters, digits"),
        ("．．", "expected letters, digits"),
        (".hidden", "expected letters, digits"),
        ("C:\\x", "expected letters, digits"),
        ("a\0b", "expected letters, digits"),
        ("CON", "the name of a device on Windows"),
        ("aux.txt", "the name of a device on Windows"),
        ("x.", "ends with a dot"),
        ("x" * 61, "expected 60 characters at most"),
        ("字" * 60 + "a", "expected 60 characters at most"),
        ("MNIST", "a set that Escalera knows already"),
        ("digits", "a set that Escalera knows already"),
    ],
)
def test_what_a_set_cannot_be_called(text: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        set_name(text)


def test_blanks_and_composition_of_a_name() -> None:
    assert set_name("  my   fruit ") == "my-fruit"
    assert set_name("man\u0303ana") == "ma\u00f1ana"
    assert class_name(" running   shoe ") == "running shoe"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (" ", "expected a name for a class, received none"),
        ("..", "systems hide such a folder"),
        ("．．", "systems hide such a folder"),
        ("a/b", "the name of a folder has none of"),
        ("a／b", "the name of a folder has none of"),
        ("..\\x", "the name of a folder has none of"),
        ("a:b", "the name of a folder has none of"),
        ("a\u202eb", "the name of a folder has none of"),
        ("a\ud800b", "the name of a folder has none of"),
        (".git", "systems hide such a folder"),
        ("__MACOSX", "systems hide such a folder"),
        ("nul", "the name of a device on Windows"),
        ("ＣＯＮ", "the name of a device on Windows"),
        ("y" * 61, "expected 60 characters at most"),
        ("train", "that is what a split is called; take another, as 'trains'"),
        ("Test", "that is what a split is called; take another, as 'Tests'"),
        ("ｖａｌ", "that is what a split is called"),
    ],
)
def test_what_a_class_cannot_be_called(text: str, why: str) -> None:
    with pytest.raises(DataError, match=why):
        class_name(text)


def test_a_folder_that_is_called_as_a_split_is_no_class(sets: PictureSets, png: Png) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in ("train", "TEST", "kiwi"):
            made.writestr(f"{name}/1.png", png())
    refused = take(sets, "fruit", "", "all.zip", buffer.getvalue()).to_json(load_words("es"))
    assert (refused["taken"], refused["all_refused"]) == (1, 2)
    assert all("así se llama una partición; elige otro nombre, como «" in why for _, why in refused["refused"])
    take(sets, "fruit", "", "train/1.png", png())
    assert sets.class_names("fruit") == ["apple", "kiwi"] and sets.names() == ["fruit"]


def test_names_that_look_alike(sets: PictureSets) -> None:
    for other in ("Apple", "аpple", "ａpple", "APPLE", "αpple"):
        assert look(other) == look("apple")
        with pytest.raises(DataError, match="looks like 'apple', which is there already; take another name"):
            sets.add_class("fruit", other)
    with pytest.raises(DataError, match="'apple' is there already"):
        sets.add_class("fruit", "apple")
    assert sets.rename_class("fruit", "apple", "Apple") == "Apple"


def test_file_names(png: Png) -> None:
    for text in ("../../x.png", "a b?.png", "…", ".png", "x" * 300, "字" * 300 + ".png", "a\nb.png"):
        name = file_name(text, b"1", ".png")
        assert name == Path(name).name and len(name.encode()) < 90 and not name.startswith(".")
        assert not set(name) & set('/\\:*?"<>|\n')


def test_a_set_that_is_there(sets: PictureSets) -> None:
    for name in ("fruit", "Fruit", "fruіt"):
        with pytest.raises(DataError, match=r"there is a 'fruit' in .* already; take another name, or choose it"):
            sets.make(name)
    (sets.root / "table.csv").write_text("a,b")
    with pytest.raises(DataError, match=r"there is a 'table.csv' in"):
        sets.make("table")


def test_only_folders_of_folders_are_sets(sets: PictureSets, tmp_path: Path, png: Png) -> None:
    (sets.root / "weights").mkdir()
    (sets.root / "weights" / "a.safetensors").write_bytes(b"")
    (sets.root / "mnist" / "0").mkdir(parents=True)
    (sets.root / "splits" / "train" / "a").mkdir(parents=True)
    (sets.root / "splits" / "test" / "a").mkdir(parents=True)
    for split in ("train", "test"):
        (sets.root / "splits" / split / "a" / "1.png").write_bytes(png())
    (tmp_path / "elsewhere").mkdir()
    (sets.root / "link").symlink_to(tmp_path / "elsewhere")
    assert sets.names() == ["fruit"]
    for name in ("link", "../elsewhere", "weights", ".", ""):
        with pytest.raises(DataError, match="there is no set"):
            sets.classes(name)
    # Neither is one that holds a link: what is done to it would be done elsewhere.
    (sets.root / "fruit" / "away").symlink_to(tmp_path)
    assert sets.names() == []


def test_pictures_come_in_move_and_go(sets: PictureSets, png: Png) -> None:
    assert take(sets, "fruit", "apple", "one.png", png(1)) == Taken(1)
    assert take(sets, "fruit", "apple", "one.png", png(1)) == Taken(0, 1)
    before = sets.state("fruit")
    [file] = sets.classes("fruit")["apple"]
    assert (sets.root / "fruit" / "apple" / file).read_bytes() == png(1)
    sets.add_class("fruit", "pear")
    (sets.root / "fruit" / "pear" / file).write_bytes(png(2))
    assert sets.move("fruit", "apple", [file, "../../x", file], "pear") == 1
    assert sets.state("fruit") != before
    assert len(sets.classes("fruit")["pear"]) == 2 and sets.classes("fruit")["apple"] == []
    assert sets.move("fruit", "pear", [file], "pear") == 1
    assert sets.remove_files("fruit", "pear", [file, "none.png"]) == 1
    with pytest.raises(DataError, match=r"there is no class '\.\.' in 'fruit'; known: apple, pear"):
        sets.remove_class("fruit", "..")
    sets.remove_class("fruit", "pear")
    sets.remove("fruit")
    assert sets.names() == []


def test_the_folder_names_the_class(sets: PictureSets, png: Png) -> None:
    files = {f"photos/{name}/{n}.png": png(10 * n + len(name)) for name in ("APPLE", "plum") for n in range(3)}
    assert take(sets, "fruit", "apple", "x.zip", zipped(files | {"__MACOSX/._1.png": b"x"})) == Taken(6)
    assert {name: len(some) for name, some in sets.classes("fruit").items()} == {"apple": 3, "plum": 3}
    assert take(sets, "fruit", "apple", "kiwi/1.png", png(99)) == Taken(1)
    assert sets.class_names("fruit") == ["apple", "kiwi", "plum"]


@pytest.mark.parametrize(
    ("path", "content", "why"),
    [
        ("a.txt", b"hello", "not a picture of a known format"),
        ("a.png", b"", "an empty file"),
        ("a.png", b"GIF89a", "a GIF file that is damaged or cut short"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture of a known format"),
        ("a.jpg", b"MZ\x90\0", "not a picture of a known format"),
        ("a.png", None, "a class cannot be called '..'"),
    ],
)
def test_what_is_no_picture_is_not_kept(
    sets: PictureSets, png: Png, path: str, content: bytes | None, why: str
) -> None:
    place = path if content is not None else "．．/a.png"
    found = take(sets, "fruit", "apple", place, png() if content is None else content)
    [(_, said)] = found.refused
    assert why.replace("..", "") in said.replace("．．", "").replace("..", "")
    assert sets.classes("fruit") == {"apple": []}
    assert sorted(path.name for path in sets.root.rglob("*")) == ["apple", "fruit"]


def test_paths_that_lead_elsewhere(sets: PictureSets, png: Png) -> None:
    paths = [
        "../x.png",
        "apple/../../x.png",
        "/etc/x.png",
        "..\\x.png",
        "C:\\x.png",
        "c:x.png",
        "\\\\host\\x.png",
        "a\0b",
    ]
    for path in paths:
        assert take(sets, "fruit", "apple", path, png()).refused == [(path, "its path leads out of the zip or folder")]
    found = take(sets, "fruit", "apple", "x.zip", zipped({path: png() for path in paths if "\0" not in path}))
    assert len(found.refused) == len(paths) - 1 and not found.taken
    assert take(sets, "fruit", "apple", ".", png()).refused == [(".", "it has no name")]


def test_a_zip_with_a_link_a_password_and_a_lie(sets: PictureSets, png: Png) -> None:
    link = zipfile.ZipInfo("apple/link.png")
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert take(sets, "fruit", "apple", "x.zip", buffer.getvalue()).refused[0][1] == "a link, which is not followed"
    whole = zipped({"1.png": png()}, zipfile.ZIP_STORED)
    locked = bytearray(whole)
    locked[6] |= 1
    locked[whole.index(b"PK\x01\x02") + 8] |= 1
    assert "it is encrypted" in take(sets, "fruit", "apple", "x.zip", bytes(locked)).refused[0][1]
    damaged = bytearray(whole)
    damaged[60] ^= 255
    assert "it is damaged in the zip" in take(sets, "fruit", "apple", "x.zip", bytes(damaged)).refused[0][1]
    with pytest.raises(DataError, match="the zip is damaged or cut short"):
        take(sets, "fruit", "apple", "x.zip", whole[:-30])
    assert take(sets, "fruit", "apple", "x.zip", zipped({})).refused == [("x.zip", "the zip holds no file")]


def test_a_bomb_is_not_unpacked(sets: PictureSets, png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped({"a.png": b"\0" * 25_000_000})
    assert len(bomb) < 50_000
    assert take(sets, "fruit", "apple", "x.zip", bomb).refused == [("a.png", "it has more than 20 MB")]
    assert "not a picture" in take(sets, "fruit", "apple", "x.zip", zipped({"inner.zip": bomb})).refused[0][1]
    monkeypatch.setattr(unpacking, "LARGEST_WHOLE", 1_000_000)
    with pytest.raises(DataError, match="the zip holds more than 1 MB; the rest is not taken"):
        take(sets, "fruit", "apple", "x.zip", zipped({f"{n}.png": b"\0" * 600_000 for n in range(3)}))
    monkeypatch.setattr(unpacking, "MOST", 3)
    with pytest.raises(DataError, match="the zip holds 4 files: 3 at most are taken"):
        take(sets, "fruit", "apple", "x.zip", zipped({f"{n}.png": png(n) for n in range(4)}))


def test_what_is_unpacked_of_refused_files_counts(sets: PictureSets, png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "LARGEST_UPLOAD", 400_000)
    monkeypatch.setattr(unpacking, "LARGEST_WHOLE", 1_000_000)
    large = {f"{n}.png": b"\0" * 500_000 for n in range(3)}
    taken = take(sets, "fruit", "apple", "x.zip", zipped({name: large[name] for name in ("0.png", "1.png")}))
    assert [why for _, why in taken.refused] == ["it has more than 0 MB"] * 2
    with pytest.raises(DataError, match="the zip holds more than 1 MB; the rest is not taken"):
        take(sets, "fruit", "apple", "x.zip", zipped(large))
    # A checksum that is wrong is known at the end alone.
    damaged = bytearray(zipped({f"{n}.png": b"\0" * 390_000 for n in range(3)}, zipfile.ZIP_STORED))
    for n in range(3):
        damaged[200_000 + n * 390_000] ^= 255
    with pytest.raises(DataError, match="the zip holds more than 1 MB; the rest is not taken"):
        take(sets, "fruit", "apple", "x.zip", bytes(damaged))
    two = bytearray(zipped({f"{n}.png": b"\0" * 390_000 for n in range(2)}, zipfile.ZIP_STORED))
    for n in range(2):
        two[200_000 + n * 390_000] ^= 255
    whys = [why for _, why in take(sets, "fruit", "apple", "x.zip", bytes(two)).refused]
    assert whys == ["it is damaged in the zip, or packed in a way that is not read"] * 2


def test_a_full_disk_leaves_all_as_it_was(sets: PictureSets, png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object, **named: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("escalera.core.files.tempfile.NamedTemporaryFile", full)
    found = take(sets, "fruit", "apple", "1.png", png())
    why = "the picture was not kept: No space left on device; free some space, and send it again"
    assert found.refused == [("1.png", why)]
    said = found.to_json(load_words("es"))["refused"][0][1]
    assert said.startswith("la imagen no se ha guardado: ") and said.endswith("; libera espacio y envíala otra vez")
    assert "No space" not in said
    assert sets.classes("fruit") == {"apple": []}


def test_a_full_set(sets: PictureSets, png: Png, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1)
    assert take(sets, "fruit", "apple", "1.png", png(1)).taken == 1
    assert "the set is full: 1 pictures" in take(sets, "fruit", "apple", "1.png", png(2)).refused[0][1]
    monkeypatch.setattr(module, "MOST_CLASSES", 1)
    with pytest.raises(DataError, match="expected 1 classes at most"):
        sets.add_class("fruit", "pear")


def test_two_pages_at_once(sets: PictureSets, png: Png) -> None:
    found: list[Taken] = []
    work = [
        Thread(target=lambda n=n: found.append(take(sets, "fruit", "apple", f"new/{n % 5}.png", png(n % 5))))
        for n in range(10)
    ]
    for one in work:
        one.start()
    for one in work:
        one.join()
    assert sum(one.taken for one in found) == 5 and sum(one.known for one in found) == 5
    assert not any(one.refused for one in found)
    # A class that another page has removed or renamed is not made anew by what is still sent to it.
    sets.rename_class("fruit", "new", "newer")
    assert "there is no class 'new'" in take(sets, "fruit", "new", "9.png", png(9)).refused[0][1]


def test_a_picture_of_no_class_is_told_what_it_lacks(sets: PictureSets, png: Png) -> None:
    sets.make("empty")
    found = take(sets, "empty", "", "1.png", png(1))
    assert found.refused == [
        ("1.png", "it belongs to no class yet: add a class, or send a folder that is called as its class is")
    ]
    assert found.to_json(load_words("es"))["refused"][0][1].startswith("aún no es de ninguna clase: añade una")
    assert sets.class_names("empty") == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataError, match=r"the folder .* could not be made"):
        PictureSets(tmp_path / "data").make("fruit")
