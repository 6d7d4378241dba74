"""Folders that are hardly what a person means by classes: refused in a sentence that says what to type."""

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.explore.source import explore
from escalera.data.sources.open import ImageSet

ENGLISH = re.compile(
    r"(?<![\w./-])(the|of|is|are|not|which|with|and|their|them|make|move|write|holds?)(?![\w/-])", re.IGNORECASE
)


def english_left(text: str) -> list[str]:
    """Words of English in a Spanish text, outside of what is quoted and of paths."""
    return ENGLISH.findall(re.sub(r"«[^»]*»", " ", text))


CSV = "with the columns path,label and lines such as {},<class>."


def pictures(*names: str) -> dict[str, int | str]:
    return {name: n for n, name in enumerate(names)}


@pytest.fixture
def refused(opened: Callable[..., ImageSet], root: Path) -> Callable[..., str]:
    """Why the folder `mine` is not learned from, without its place; Spanish has every sentence of it."""

    def read(**options: object) -> str:
        with pytest.raises(DataError) as error:
            opened(**options)
        said = str(error.value)
        assert english_left(translate(said, "es")) == [], translate(said, "es")
        return said.removeprefix(f"{root / 'mine'}: ")

    return read


# Text files beside every picture


def dated(text: str = "dress\n", ending: str = "txt") -> dict[str, int | str]:
    stems = [f"2024-05-0{1 + n % 2}/IMG_{n}" for n in range(8)]
    return pictures(*(f"{stem}.png" for stem in stems)) | {f"{stem}.{ending}": text for stem in stems}


def test_text_files_beside_pictures_in_folders(
    put_all: Callable[..., Path], refused: Callable[..., str], opened: Callable[..., ImageSet], root: Path
) -> None:
    folder = put_all(dated())
    said = refused()
    assert said == (
        "8 of 8 pictures have a text file of the same name beside them, as 2024-05-01/IMG_0.png and "
        f"2024-05-01/IMG_0.txt. Such text files are not read. Make a CSV in {folder} "
        f"{CSV.format('2024-05-01/IMG_0.png')} To take the names of the folders for the classes, 2024-05-01, "
        "2024-05-02, write data.form: folders."
    )
    assert explore("mine", data_root=root).images.faults == (f"{folder}: {said}",)
    assert opened(form="folders").classes == ["2024-05-01", "2024-05-02"]
    rows = [f"2024-05-0{1 + n % 2}/IMG_{n}.png,{'ab'[n % 3 == 0]}" for n in range(8)]
    put_all({"labels.csv": "\n".join(["path,label", *rows]) + "\n"})
    assert opened().classes == ["a", "b"]


def test_a_few_text_files_are_no_labels(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all(pictures(*(f"{name}/{n}.png" for name in "ab" for n in range(4))) | {"a/0.txt": "seen in May"})
    assert opened().classes == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "ending", "kind"),
    [
        ("0 0.5 0.5 0.8 0.8\n1 0.5 0.5 0.1 1e-2\n", "txt", "YOLO"),
        (json.dumps({"version": "5.0", "flags": {}, "shapes": [], "imagePath": "x.png"}), "json", "LabelMe"),
        ("<annotation><object/></annotation>", "xml", "Pascal VOC"),
    ],
)
def test_annotations_beside_pictures_are_named(
    text: str, ending: str, kind: str, put_all: Callable[..., Path], refused: Callable[..., str]
) -> None:
    put_all(dated(text, ending))
    assert f" Annotations of {kind} are not read. Make a CSV in " in refused()


@pytest.mark.parametrize(
    ("text", "ending", "which"),
    [
        ("dress", "txt", "Such text files"),
        ('{"flags": {}, "shapes": [], "imagePath": "IMG_0.png"}', "json", "Annotations of LabelMe"),
    ],
)
def test_text_files_beside_pictures_in_one_folder(
    text: str, ending: str, which: str, put_all: Callable[..., Path], refused: Callable[..., str]
) -> None:
    stems = [f"IMG_{n:04d}" for n in range(6)]
    folder = put_all(pictures(*(f"{stem}.png" for stem in stems)) | {f"{stem}.{ending}": text for stem in stems})
    said = refused()
    assert said.endswith(
        f"6 of 6 pictures have a text file of the same name beside them, as IMG_0000.png and IMG_0000.{ending}. "
        f"{which} are not read. Make a CSV in {folder} {CSV.format('IMG_0000.png')}"
    )
    assert "label_pattern" not in said and "Save" not in said


def test_no_pattern_makes_every_name_its_own_class(put_all: Callable[..., Path], refused: Callable[..., str]) -> None:
    put_all(pictures(*(f"IMG{sign}.{ending}" for sign in "abcdef" for ending in ("png", "jpg"))))
    assert "label_pattern" not in refused()


# Annotations, lists and sheets beside the folder of the pictures

COCO = json.dumps({"images": [{"id": 1, "file_name": "1.png"}], "annotations": [], "categories": []})


@pytest.mark.parametrize(
    ("text", "name", "kind"),
    [
        (COCO, "annotations/instances_default.json", "COCO"),
        ("0 0.5 0.5 0.8 0.8\n", "labels/1.txt", "YOLO"),
        ("0 0.5 0.5 0.8 0.8\n", "labels/train/1.txt", "YOLO"),
        ("<annotation/>", "Annotations/1.xml", "Pascal VOC"),
    ],
)
def test_annotations_beside_images(
    text: str, name: str, kind: str, put_all: Callable[..., Path], refused: Callable[..., str]
) -> None:
    folder = put_all({**pictures("images/1.png", "images/2.png"), name: text})
    assert refused() == (
        f"the folder '{name.partition('/')[0]}' holds text files and no pictures, as {name}. Annotations of {kind} are "
        f"not read. Make a CSV in {folder} {CSV.format('images/1.png')}"
    )


@pytest.mark.parametrize("name", ["labels.txt", "Etiketten.xlsx", "labels.json", "labels.xml"])
def test_a_file_that_says_the_classes_of_one_folder(
    name: str, put_all: Callable[..., Path], refused: Callable[..., str]
) -> None:
    folder = put_all({**pictures("Bilder/1.png", "Bilder/2.png"), name: "x", "README.txt": "about"})
    assert refused() == (
        "all pictures are in the folder 'Bilder', which would be a single class. "
        f"The file {name} is not read. Save what it says as CSV in {folder}, {CSV.format('Bilder/1.png')}"
    )


def test_lists_that_say_the_classes_of_one_folder(put_all: Callable[..., Path], refused: Callable[..., str]) -> None:
    lists = {"classes.txt": "a\nb\n", "train.txt": "images/1.png 0\n", "val.txt": "images/2.png 1\n"}
    folder = put_all({**pictures("images/1.png", "images/2.png"), **lists})
    assert refused().endswith(
        "The files classes.txt, train.txt, val.txt are not read. Save what they say as CSV in "
        f"{folder}, {CSV.format('images/1.png')}"
    )


def test_a_list_beside_loose_pictures(put_all: Callable[..., Path], refused: Callable[..., str]) -> None:
    folder = put_all({**pictures("1.png", "2.png"), "labels.txt": "file\tclass\n"})
    assert refused().endswith(
        f"The file labels.txt is not read. Save what it says as CSV in {folder}, {CSV.format('1.png')}"
    )


# Masks


@pytest.mark.parametrize("mask", ["_mask", "-mask", "_seg", "_gt", "_mask_1", "_Segmentation"])
def test_masks_beside_their_pictures(
    mask: str, put_all: Callable[..., Path], refused: Callable[..., str], opened: Callable[..., ImageSet], root: Path
) -> None:
    files = [f"{name}/{name} ({n}){end}.png" for name in ("hat", "shoe") for n in range(3) for end in ("", mask)]
    folder = put_all(pictures(*files))
    said = f"6 of 12 pictures are named as masks of others, as hat/hat (0){mask}.png of hat/hat (0).png."
    assert refused() == (
        f"{said} Move them out of {folder}, since no key leaves files out; to learn from them as well, "
        "write data.form: folders."
    )
    assert explore("mine", data_root=root).images.faults
    assert opened(form="folders").notes == (f"{folder}: {said}",)
    assert english_left(translate(said, "es")) == []


def test_a_name_with_mask_in_it_is_none(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all(pictures("mask/face_mask.png", "mask/mask_2.png", "face/a.png", "face/b.png"))
    assert opened().notes == ()


def test_folders_of_masks_in_each_class(
    put_all: Callable[..., Path], refused: Callable[..., str], opened: Callable[..., ImageSet]
) -> None:
    names = [f"{name}/{kind}/{n}.png" for name in ("hat", "shoe") for kind in ("images", "masks") for n in range(2)]
    folder = put_all(pictures(*names))
    assert refused() == (
        "each class holds the folders images, masks, and the pictures in masks would be learned from as pictures of "
        f"the class. Move the folders of masks out of {folder}; to learn from them as well, write data.form: folders."
    )
    assert opened(form="folders").notes == (
        f"{folder}: 'hat' (and 1 more class) holds the folders images, masks, whose pictures count as 'hat'.",
    )


def test_pictures_and_masks_are_no_classes(put_all: Callable[..., Path], refused: Callable[..., str]) -> None:
    folder = put_all(pictures("images/1.png", "images/2.png", "masks/1.png", "masks/2.png"))
    assert refused() == (
        "the folders images, masks hold pictures and their masks, and are no classes. "
        f"Make a CSV in {folder} {CSV.format('images/1.png')}"
    )


# The same folders in each folder

SITES = [f"{place}/{name}/{place}{n}.png" for place in ("North", "South") for name in ("cat", "dog") for n in range(2)]


@pytest.mark.parametrize("prefix", ["", "train/"])
def test_the_same_folders_in_each(
    prefix: str, put_all: Callable[..., Path], refused: Callable[..., str], opened: Callable[..., ImageSet], root: Path
) -> None:
    test = ["test/East/cat/1.png"] if prefix else []
    put_all(pictures(*(f"{prefix}{name}" for name in [*SITES, "River/cat/9.png"]), *test))
    assert refused().removeprefix(f"{root / 'mine' / prefix}: ") == (
        "the same folders, cat, dog, are in each of the folders North, River, South, and either may be the classes. "
        "For the classes cat, dog, write data.label_pattern: '*/{label}/*'. "
        "For the classes North, River, South, write data.form: folders."
    )
    inner = opened(label_pattern="*/{label}/*")
    assert (inner.classes, inner.splits["train"].labels.tolist()) == (["cat", "dog"], [0] * 5 + [1] * 4)
    assert list(inner.splits) == (["train", "test"] if prefix else ["train"])
    if not prefix:
        assert opened(form="folders").classes == ["North", "River", "South"]


@pytest.mark.parametrize("names", [("trian", "valdation", "tets"), ("tr", "va", "te"), ("Trian", "Valdiation", "Tst")])
def test_folders_that_were_meant_to_be_splits(
    names: tuple[str, str, str],
    put_all: Callable[..., Path],
    refused: Callable[..., str],
    opened: Callable[..., ImageSet],
) -> None:
    put_all(pictures(*(f"{name}/{kind}/{name}{n}.png" for name in names for kind in ("cat", "dog") for n in range(2))))
    found = re.search(r" If they are splits, write data.splits: \{(.*)\}\.$", refused())
    assert found
    said = dict(pair.split(": ") for pair in found[1].split(", "))
    assert sorted(said.values()) == sorted(names) and list(said) == ["train", "validation", "test"]
    assert list(opened(splits=said).splits) == ["train", "validation", "test"]


def test_splits_within_the_classes(put_all: Callable[..., Path], refused: Callable[..., str], root: Path) -> None:
    put_all(
        pictures(*(f"{kind}/{split}/{n}.png" for kind in ("cat", "dog") for split in ("train", "test") for n in "12"))
    )
    assert refused() == (
        "each of the folders cat, dog holds the splits test, train, and a split has to hold the classes. Move the "
        "pictures into folders such as train/cat; to have other splits cut out of all pictures, write "
        "data.form: folders."
    )


def test_the_pattern_that_is_told_fits_deeper_folders(
    put_all: Callable[..., Path], refused: Callable[..., str], opened: Callable[..., ImageSet]
) -> None:
    put_all(pictures(*SITES, "North/cat/deep/1.png"))
    pattern = re.search(r"label_pattern: '([^']+)'", refused())
    assert pattern and opened(label_pattern=pattern[1]).classes == ["cat", "dog"]


def test_a_star_in_a_pattern_of_paths_is_one_folder(put_all: Callable[..., Path], refused: Callable[..., str]) -> None:
    folder = put_all(pictures(*SITES, "North/cat/deep/1.png"))
    assert refused(label_pattern="*/{label}/*") == (
        f"data.label_pattern: 1 of 9 names in {folder} does not fit '*/{{label}}/*': North/cat/deep/1.png."
    )


def test_a_pattern_of_names_where_paths_are_needed(put_all: Callable[..., Path], refused: Callable[..., str]) -> None:
    folder = put_all(pictures(*SITES))
    assert refused(label_pattern="{label}_*") == (
        f"data.label_pattern: {folder} has no pictures of its own; the pattern is for one without classes. "
        "One for paths has a slash, as '*/{label}/*'."
    )


def test_what_a_pattern_of_paths_leaves_out_is_said(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({**pictures(*SITES), "North/notes.txt": "seen"})
    assert opened(label_pattern="*/{label}/*").notes == (
        f"{folder}: left out, since they are no pictures: North/notes.txt.",
    )


def test_a_few_folders_of_one_name_are_no_other_reading(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all(pictures("animals/cat/1.png", "animals/other/1.png", "plants/fern/1.png", "plants/other/1.png"))
    assert opened().classes == ["animals", "plants"]


def test_an_archive_unpacked_into_itself(
    put_all: Callable[..., Path], refused: Callable[..., str], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all(
        pictures("photos/cat/1.png", "photos/dog/1.png", "photos/photos/cat/1.png", "photos/photos/dog/1.png")
    )
    inner = folder / "photos" / "photos"
    assert refused().removeprefix(f"{folder / 'photos'}: ") == (
        "'photos' holds folders of the same names as lie beside it, cat, dog; the archive may have been unpacked "
        f"twice. Name {inner} as the source, or move it away; to make 'photos' a class, write data.form: folders."
    )
    assert opened(str(inner)).classes == ["cat", "dog"]
    assert opened(form="folders").classes == ["cat", "dog", "photos"]


def test_an_archive_unpacked_beside_itself(
    put_all: Callable[..., Path], refused: Callable[..., str], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({f"{top}/{name}/1.png": 1 for top in ("photos", "photos (1)") for name in ("cat", "dog")})
    assert refused() == (
        "'photos' and 'photos (1)' hold the same files, by name and size; the archive may have been unpacked twice. "
        f"Name {folder / 'photos'} as the source; to make classes of the two, write data.form: folders."
    )
    assert opened(form="folders").classes == ["photos", "photos (1)"]


def test_who_says_which_folders_are_splits_says_which_are_classes(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all(pictures(*(f"{top}/{name}/1.png" for top in ("set_train", "set_test") for name in ("cat", "dog"))))
    assert opened(splits=False).classes == ["set_test", "set_train"]


# The same, spelt otherwise


def test_text_files_and_masks_whose_names_are_spelt_otherwise(
    put_all: Callable[..., Path], refused: Callable[..., str]
) -> None:
    put_all({f"{n % 2}/IMG_{n}.JPG": n for n in range(6)} | {f"{n % 2}/img_{n}.TXT": "a" for n in range(6)})
    assert refused().startswith("6 of 6 pictures have a text file of the same name beside them")


def test_masks_that_are_spelt_otherwise(put_all: Callable[..., Path], refused: Callable[..., str]) -> None:
    put_all(pictures(*(f"{kind}/a{n}.png" for kind in "xy" for n in range(4)), "x/A1_MASK.PNG", "y/A2_Mask.png"))
    assert refused().startswith("2 of 10 pictures are named as masks of others")


def test_the_same_folders_that_are_spelt_otherwise(put_all: Callable[..., Path], refused: Callable[..., str]) -> None:
    put_all(pictures(*(f"{site}/{kind}/1.png" for site, kinds in {"a": ("Dress", "Hat"), "b": ("dress", "hat")}.items()
                       for kind in kinds)))  # fmt: skip
    assert "either may be the classes" in refused()


def test_names_with_their_marks_apart(put_all: Callable[..., Path], refused: Callable[..., str]) -> None:
    """As archives of macOS have them: folders whose accents are letters of their own, unpacked twice."""
    place = unicodedata.normalize("NFD", "fotos de perú")
    kinds = [unicodedata.normalize("NFD", kind) for kind in ("sombrerón", "camisón")]
    files = [f"{kind}/{n}.png" for kind in kinds for n in range(3)]
    put_all(pictures(*files, *(f"{place}/{file}" for file in files)))
    assert "the archive may have been unpacked twice" in refused()
