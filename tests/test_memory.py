"""The allocator that keeps what it has fetched."""

import subprocess
import sys

import pytest

STEPS = """
import resource, sys
from escalera.core.memory import keep_memory
import torch
if sys.argv[1] == "kept":
    keep_memory()
def step():
    return torch.ones(16_000_000).mul_(2).sum()
for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the allocator of glibc")
def test_a_step_that_asks_for_the_same_blocks_again_has_no_page_faults() -> None:
    def faults(how: str) -> int:
        done = subprocess.run([sys.executable, "-c", STEPS, how], capture_output=True, text=True, check=True)
        return int(done.stdout)

    # Blocks of 64 MB are above the 32 MB up to which glibc learns by itself. Some systems take pages back that nobody
    # has used for a moment, and where pages are large there are few of them: hence a share.
    assert faults("kept") < faults("as ever") / 4
