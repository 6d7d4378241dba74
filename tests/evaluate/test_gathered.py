"""Batches laid into one tensor: the rows, and the memory they cost."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from escalera.evaluate.gathered import Gathered

MEASURED = """
import re
from pathlib import Path
import torch
from escalera.evaluate.predict import predict

def memory():
    return int(re.search(r"RssAnon:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e3

def batches(count):
    for _ in range(count):
        # What a batch of 512 pictures of 32x32 takes: large enough to leave a hole in which small tensors settle.
        yield torch.zeros(512, 8, 4).repeat(1, 1, 96).contiguous(), torch.zeros(512, dtype=torch.int64)

network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3072, 10))
predict(network, batches(10))
before = memory()
predict(network, batches(100))
print(memory() - before)
"""


@pytest.mark.parametrize("sizes", [[3], [3, 3, 1], [1, 5, 2, 9, 1]])
def test_the_rows_are_those_of_the_batches_in_order(sizes: list[int]) -> None:
    rows = torch.arange(2 * sum(sizes)).view(-1, 2)
    gathered = Gathered()
    for batch in rows.split(sizes):  # type: ignore[no-untyped-call]
        gathered.add(batch)
    assert torch.equal(gathered.whole(), rows)


def test_no_batch_at_all() -> None:
    with pytest.raises(ValueError, match="expected at least one batch, received none"):
        Gathered().whole()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read in Linux's way")
def test_predictions_do_not_hold_on_to_the_memory_of_the_pictures() -> None:
    """A list of the batches' logits took 6 MB a batch: 600 MB here."""
    done = subprocess.run([sys.executable, "-c", MEASURED], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 60
