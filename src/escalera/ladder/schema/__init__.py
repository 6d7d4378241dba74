"""What a ladder may say: the sections of a rung, their keys, types and limits."""

from escalera.ladder.schema.augment import Augment
from escalera.ladder.schema.bodies import AlexNet, Cnn, Mlp
from escalera.ladder.schema.data import Attributes, Best, Data, Labels
from escalera.ladder.schema.fusion import Fusion
from escalera.ladder.schema.head import Head
from escalera.ladder.schema.kind import Body, Branch, Model, Net
from escalera.ladder.schema.ladder import NO_BLEND, Evaluate, Ladder, LadderEntry, Rung, RungConfig, RungEntry, seeds_of
from escalera.ladder.schema.losses import CrossEntropy, Focal, Loss
from escalera.ladder.schema.model import KINDS
from escalera.ladder.schema.optimizers import Adam, AdamW, Muon, Optimizer, Sgd
from escalera.ladder.schema.pretrained import Backbone, Transfer
from escalera.ladder.schema.rows import Conv1d, Table
from escalera.ladder.schema.schedules import Constant, Cosine, Exponential, Linear, OneCycle, Plateau, Schedule
from escalera.ladder.schema.search import Search
from escalera.ladder.schema.section import Section, Text
from escalera.ladder.schema.train import EarlyStopping, Train
from escalera.ladder.schema.votes import Classifier, Votes
from escalera.ladder.schema.weights import Trainable, Weights

__all__ = [
    "KINDS",
    "NO_BLEND",
    "Adam",
    "AdamW",
    "AlexNet",
    "Attributes",
    "Augment",
    "Backbone",
    "Best",
    "Body",
    "Branch",
    "Classifier",
    "Cnn",
    "Constant",
    "Conv1d",
    "Cosine",
    "CrossEntropy",
    "Data",
    "EarlyStopping",
    "Evaluate",
    "Exponential",
    "Focal",
    "Fusion",
    "Head",
    "Labels",
    "Ladder",
    "LadderEntry",
    "Linear",
    "Loss",
    "Mlp",
    "Model",
    "Muon",
    "Net",
    "OneCycle",
    "Optimizer",
    "Plateau",
    "Rung",
    "RungConfig",
    "RungEntry",
    "Schedule",
    "Search",
    "Section",
    "Sgd",
    "Table",
    "Text",
    "Train",
    "Trainable",
    "Transfer",
    "Votes",
    "Weights",
    "seeds_of",
]
