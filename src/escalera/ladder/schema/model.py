"""The table of model kinds: a line for each, in the order in which they are listed.

What a key takes, what `escalera models` lists and how a network is made follow from it and from the sections it names.
"""

from __future__ import annotations

from escalera.ladder.schema.bodies import AlexNet, Cnn, Mlp
from escalera.ladder.schema.fusion import Fusion
from escalera.ladder.schema.kind import Model
from escalera.ladder.schema.pretrained import Backbone, Transfer
from escalera.ladder.schema.rows import Conv1d, Table
from escalera.ladder.schema.votes import Votes

KINDS: tuple[type[Model], ...] = (
    Mlp,
    Cnn,
    AlexNet,
    Conv1d,
    Table,
    Backbone,
    Transfer,
    Fusion,
    Votes,
)

Model.table = KINDS
