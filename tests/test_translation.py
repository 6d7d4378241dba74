"""Errors and notes in Spanish: the sentence is found again, and what fills it stays as it is."""

import re
from collections import Counter

import pytest

from escalera.core.translation import sentences, translate

FIELD = re.compile(r"\{(\w+)\}")


def test_english_stays_as_it_is() -> None:
    assert translate("did you mean 'cnn'?", "en") == "did you mean 'cnn'?"


@pytest.mark.parametrize(
    ("english", "spanish"),
    [
        ("did you mean 'cnn'?", "¿quisiste decir «cnn»?"),
        # a place in front, and a sentence within a sentence
        (
            "a.yaml:3: train.epocs: unknown key 'epocs'; did you mean 'epochs'?",
            "a.yaml:3: train.epocs: clave desconocida «epocs»; ¿quisiste decir «epochs»?",
        ),
        # what is expected is a phrase of its own
        (
            "model.blocks: expected a list of one or more lists of one or more whole numbers of at least 1, "
            "received []",
            "model.blocks: se esperaba una lista de uno o más: listas de uno o más: números enteros de al menos 1, "
            "se recibió []",
        ),
        # figures have a comma, and what the user types keeps its point
        (
            "b.1.onnx was not written: with eight bits its accuracy changes by 0.0 points on 60 rows of validation "
            "(95 % interval -3.0 to +1.5); the whole interval has to lie above -2.0 points. --force writes it all the "
            "same.",
            "b.1.onnx no se escribió: con ocho bits su exactitud cambia en 0,0 puntos en 60 filas de validación "
            "(intervalo del 95 %: de -3,0 a +1,5); el intervalo entero tiene que quedar por encima de -2,0 puntos. "
            "--force lo escribe de todos modos.",
        ),
        # several lines, each by itself, with the blanks before them
        (
            "  train.epochs: missing key 'x'; expected text\n1 problem in the ladder; nothing was run.",
            "  train.epochs: falta la clave «x»; se esperaba un texto\n"
            "1 problema en la escalera; no se ha ejecutado nada.",
        ),
        # a reason in brackets behind each of several names
        (
            "2 images have damaged metadata beside whole pixels, which are read: a/0.jpg (EXIF is cut short or "
            "damaged), a/1.png (iCCP has a wrong checksum)",
            "2 imágenes tienen metadatos dañados junto a píxeles enteros, que se leen: a/0.jpg (EXIF cortado o "
            "dañado), a/1.png (la suma de comprobación de iCCP no es la suya)",
        ),
        (
            "1 image has damaged metadata beside whole pixels, which are read: a/1.tif (its tags are damaged)",
            "1 imagen tiene metadatos dañados junto a píxeles enteros, que se leen: a/1.tif (sus etiquetas están "
            "dañadas)",
        ),
        (
            "attributes left out: a (no value in train), house (it numbers the rows), b (a single value in train).",
            "atributos que quedan fuera: a (sin ningún valor en train), house (numera las filas), b (un solo valor en "
            "train).",
        ),
        # one is not several
        (
            "x: 1 of 92 pictures cannot be decoded (rows count from 0):",
            "x: 1 de 92 imágenes no se puede decodificar (las filas se cuentan desde 0):",
        ),
        (
            "the only picture cannot be taken; nothing was predicted:",
            "la única imagen no se puede usar; no se ha clasificado nada:",
        ),
        (
            "21 of 92 pictures cannot be decoded; nothing was predicted:",
            "21 de 92 imágenes no se pueden decodificar; no se ha clasificado nada:",
        ),
        (
            "x: class 'z' is in test (1 row) but not in train. Add pictures of it to train, or take it out of test.",
            "x: la clase «z» está en test (1 fila) pero no en train. Añade imágenes suyas a train, o quítala de test.",
        ),
        (
            "expected the attributes a, b; received none for b. Give null where a value is not known.",
            "se esperaban los atributos a, b; falta b. Escribe null donde no se conozca un valor.",
        ),
        (
            "expected the attributes a, b, c; received none for a, c. Give null where a value is not known.",
            "se esperaban los atributos a, b, c; faltan a, c. Escribe null donde no se conozca un valor.",
        ),
        (
            "t.csv: 1 image is in several rows, with different labels.",
            "t.csv: 1 imagen está en varias filas, con etiquetas distintas.",
        ),
        (
            "a: 'b' (and 1 more class) holds the folders x, y, whose pictures count as 'b'; name a/b as the source, or "
            "move them up, to make them classes.",
            "a: «b» (y 1 clase más) contiene las carpetas «x, y», cuyas imágenes cuentan como «b»; para hacer de ellas "
            "clases, nombra a/b como fuente, o súbelas.",
        ),
        # a sentence behind a list, and a phrase within a sentence
        (
            "t.csv: expected one column of labels (integers or text), found 2 (a, b); its columns: a (string), b "
            "(string). Say which one with data.label_column.",
            "t.csv: se esperaba una columna de etiquetas (enteros o textos), encontradas: 2 (a, b); sus columnas: "
            "«a (string), b (string)». Di cuál con data.label_column.",
        ),
        (
            "mine: 1 class has too few pictures in train to be in every split with data.validation 0.1 and data.test "
            "0.2: 'gloves' (1). Each needs 3 at least.",
            "mine: 1 clase tiene demasiado pocas imágenes en train para estar en todas las particiones con "
            "data.validation 0.1 y data.test 0.2: 'gloves' (1). Necesita 3 como mínimo.",
        ),
        ("x: not read: 'annotations', beside train.", "x: no se lee: «annotations», junto a train."),
        (
            "the hub: a/b: Name or service not known (huggingface.co)",
            "el hub: a/b: «no se encuentra el servidor (huggingface.co)»",
        ),
        ("test has no picture of 'x', 'y'.", "test no tiene ninguna imagen de «x», «y»."),
        ("test has no picture of 'x', 'y', ....", "test no tiene ninguna imagen de «x», «y», ...."),
        ("nobody has written this sentence", "nobody has written this sentence"),
        ("", ""),
        ("x: did you mean 'a'? nobody has written this", "x: did you mean 'a'? nobody has written this"),
    ],
)
def test_in_spanish(english: str, spanish: str) -> None:
    assert translate(english, "es") == spanish


def test_a_text_of_the_users_own_takes_no_time() -> None:
    assert translate("a. b: c; " * 20_000, "es") == "a. b: c; " * 20_000


def test_the_same_fields_are_in_both_languages() -> None:
    for sentence in sentences("es"):
        english, spanish = set(FIELD.findall(sentence.english)), set(FIELD.findall(sentence.other))
        assert english == spanish, sentence.english


def test_each_sentence_is_there_once_and_says_something() -> None:
    counted = Counter(sentence.english for sentence in sentences("es"))
    assert [english for english, count in counted.items() if count > 1] == []
    assert [one.english for one in sentences("es") if len(re.findall("[a-z]", FIELD.sub("", one.english))) < 2] == []


def test_thousands_have_a_point_in_counts_alone() -> None:
    text = "1,200 of 100,000 pictures cannot be decoded (rows count from 0):"
    assert translate(text, "es").startswith("1.200 de 100.000 imágenes no se pueden decodificar")
    text = "column '1,234' holds 1,234 in row 5,678, which is no label but a number."
    assert translate(text, "es").startswith("la columna «1,234» tiene 1,234 en la fila 5.678,")
