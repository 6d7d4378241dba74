"""What the files of a ladder and a run hold: typed once, for whoever writes, reports, opens or tests them."""

from __future__ import annotations

from pathlib import PurePath
from typing import Annotated, Any

from pydantic import Field

from escalera.core.lenient import Lenient

Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class Text(Lenient):
    """A sentence in both languages."""

    en: str = ""
    es: str = ""

    def __getitem__(self, language: str) -> str:
        return getattr(self, language) or self.en or self.es


class Change(Lenient):
    """One setting that a rung changes."""

    path: str = ""
    before: Any = None
    after: Any = None


class RungEntry(Lenient):
    """A rung as ladder.json has it; `search` is whether its settings come from one."""

    name: str = ""
    why: Text | None = None
    parent: str | None = None
    change: list[Change] = []
    seeds: list[int] = [0]
    as_asked: bool = True
    search: bool = False


class LadderFile(Lenient):
    """ladder.json."""

    name: str = ""
    title: Text | None = None
    command: str = ""
    metric: str = "accuracy"
    rungs: list[RungEntry] = []


class Parameters(Lenient):
    """Counts as Keras has them."""

    total: Count | None = None
    trainable: Count | None = None
    non_trainable: Count | None = None


class Layer(Lenient):
    """A line of the layer table; the shape is without the batch."""

    name: str = ""
    kind: str = ""
    output_shape: list[int] = []
    parameters: Count | None = None
    trainable: bool | None = None


class Price(Lenient):
    """What a run cost."""

    amount: Amount = 0.0
    currency: str = ""


class Energy(Lenient):
    """kWh by the counters `of` the machine, with the run's `share` of the processor's; or why not, of REASONS."""

    kwh: Amount | None = None
    of: list[str] = []
    share: Share | None = None
    why: str = ""


class Rows(Lenient):
    """Pictures per split."""

    train: Count | None = None
    validation: Count | None = None
    test: Count | None = None
    calibration: Count | None = None


class ClassRows(Lenient):
    """Rows of each class per split; empty where a run of earlier versions does not say."""

    train: list[Count] = []
    validation: list[Count] = []
    test: list[Count] = []


class Duplicates(Lenient):
    """How many rows of test and validation have a copy in train; `near_searched` is None where the run does not say."""

    test: Count | None = None
    test_exact: Count | None = None
    validation: Count | None = None
    near_searched: bool | None = None
    dropped: Count = 0


class Labels(Lenient):
    """The file that corrected labels, or dropped rows (`kind`), and how many rows of each split it lists."""

    file: str = ""
    sha256: str = ""
    kind: str = ""
    train: Count = 0
    validation: Count = 0
    test: Count = 0
    test_changed: bool = False

    @property
    def name(self) -> str:
        """The file's name alone."""
        return PurePath(self.file).name


class Data(Lenient):
    """What was learned from: height, width, channels; the super-class of each class; a SHA-256 of the test pictures."""

    source: str = ""
    shape: list[int] = []
    classes: list[str] = []
    groups: list[str] | None = None
    rows: Rows = Rows()
    class_rows: ClassRows = ClassRows()
    test_digest: str = ""
    resize: str = "squash"
    range: list[float] | None = None
    max_megapixels: Count | None = None
    image_columns: str | list[str] | None = None
    skipped: Count = 0
    listed: Count | None = None
    duplicates: Duplicates | None = None
    mean: list[float] | None = None
    deviation: list[float] | None = None
    largest_levels: Any = None
    attributes: list[str] | None = None
    columns: Any = None
    labels: Labels | None = None


class Origin(Lenient):
    """The file of the weights that a part of a network started from."""

    file: str = ""
    sha256: str = ""


class Classifier(Lenient):
    """A classifier of an ensemble."""

    sha256: str = ""
    seconds: Amount | None = None
    validation_accuracy: Share | None = None
    weight: Amount | None = None
    temperature: Amount | None = None


class Agreement(Lenient):
    """In which share of the test rows each two of those named answer alike."""

    names: list[str] = []
    shares: list[list[Share]] = []


class RunRecord(Lenient):
    """run.json: what a run is, what it learned from, what it took, and the SHA-256 of its files."""

    state: str = "absent"
    error: str | None = None
    rung: str = ""
    parent: str | None = None
    seed: int = 0
    settings: str = ""
    trained_as: str | None = None
    started: str | None = None
    finished: str | None = None
    seconds: Amount | None = None
    epochs: Count | None = None
    best_epoch: Count | None = None
    stopped: str | None = None
    images_per_second: Amount | None = None
    inference_images_per_second: Amount | None = None
    parameters: Parameters = Parameters()
    layers: list[Layer] = []
    flops_per_image: Count | None = None
    peak_memory_bytes: Count | None = None
    test_looks: Count | None = None
    tta: str | None = None
    price: Price | None = None
    energy: Energy | None = None
    precision: str | None = None
    device: str | None = None
    threads: Count | None = None
    processes: Count | None = None
    folds: Count | None = None
    data: Data = Data()
    weights: dict[str, Origin] = {}
    branch_weights: dict[str, Share] = {}
    features: Count | None = None
    feature_seconds: Amount | None = None
    preparation: str | None = None
    classifiers: dict[str, Classifier] = {}
    agreement: Agreement | None = None
    files: dict[str, str] = {}
    digest: str = ""


class Scores(Lenient):
    """What one split says; of train so many rows were `asked` about."""

    accuracy: Share | None = None
    balanced_accuracy: Share | None = None
    macro_f1: Share | None = None
    loss: Amount | None = None
    asked: Count | None = None


class PerClass(Lenient):
    """One class of the test rows."""

    name: str = ""
    precision: Share | None = None
    recall: Share | None = None
    f1: Share | None = None
    support: Count | None = None


class FullScores(Scores):
    """The test rows in full; `confusion` is as `Confusion.read` takes it."""

    top5: Share | None = None
    brier: Amount | None = None
    calibration_error: Share | None = None
    per_class: list[PerClass] = []
    confusion: Any = None


class Metrics(Lenient):
    """metrics.json."""

    train: Scores = Scores()
    validation: Scores = Scores()
    test: FullScores = FullScores()


class Epoch(Lenient):
    """A line of history.jsonl."""

    epoch: int = 0
    loss: Amount | None = None
    accuracy: Share | None = None
    val_loss: Amount | None = None
    val_accuracy: Share | None = None
    val_balanced_accuracy: Share | None = None
    val_macro_f1: Share | None = None
    lr: Amount | None = None


class DoubtFile(Lenient):
    """doubt.json: the temperature; the coverage of sets, the least probability in one, and the rows that calibrate."""

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    coverage: Share | None = None
    least: Share | None = None
    rows: Count | None = None


class Environment(Lenient):
    """environment.json."""

    python: str | None = None
    escalera: str | None = None
    torch: str | None = None
    platform: str | None = None
    cpu: str | None = None
    cores: Count | None = None
    threads: Count | None = None
    memory_bytes: Count | None = None
    gpu: str | None = None
    date: str | None = None
