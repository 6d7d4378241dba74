"""What a ladder may say: the sections of a rung, their keys, types and limits."""

from escalera.ladder.schema.augment import Augment
from escalera.ladder.schema.bodies import AlexNet, Cnn, Mlp
from escalera.ladder.schema.data import Attributes, Best, Data
from escalera.ladder.schema.head import Head
from escalera.ladder.schema.ladder import Evaluate, Ladder, LadderEntry, Rung, RungConfig, RungEntry
from escalera.ladder.schema.model import Model
from escalera.ladder.schema.optimizers import Adam, AdamW, Optimizer, Sgd
from escalera.ladder.schema.pretrained import Backbone, Body, Trainable, Transfer, Weights
from escalera.ladder.schema.schedules import Constant, Cosine, Exponential, OneCycle, Plateau, Schedule
from escalera.ladder.schema.section import Section, Text
from escalera.ladder.schema.train import EarlyStopping, Train

__all__ = [
    "Adam",
    "AdamW",
    "AlexNet",
    "Attributes",
    "Augment",
    "Backbone",
    "Best",
    "Body",
    "Cnn",
    "Constant",
    "Cosine",
    "Data",
    "EarlyStopping",
    "Evaluate",
    "Exponential",
    "Head",
    "Ladder",
    "LadderEntry",
    "Mlp",
    "Model",
    "OneCycle",
    "Optimizer",
    "Plateau",
    "Rung",
    "RungConfig",
    "RungEntry",
    "Schedule",
    "Section",
    "Sgd",
    "Text",
    "Train",
    "Trainable",
    "Transfer",
    "Weights",
]
