"""What the loop itself costs per step: Escalera's loop less a bare one, on a network of one small layer.

The bare loop has its batches ready as float tensors: the cost counted here includes making a batch from the pictures.

    python benchmarks/loop_cost.py
"""

import time
from statistics import median

import numpy as np
import torch
from machine import machine
from torch import nn
from torch.nn.functional import cross_entropy

from escalera.data.batches import Batches
from escalera.train.loop import Training, train
from escalera.train.schedules import constant

BATCH, STEPS, ROUNDS = 64, 500, 15
CPU = torch.device("cpu")


def small() -> tuple[nn.Module, torch.optim.Optimizer]:
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    return network, torch.optim.Adam(network.parameters(), fused=True)


def main() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH * STEPS, 8, 8, 1), dtype=np.uint8)
    labels = rng.integers(0, 10, BATCH * STEPS)
    floats = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
    ready = list(zip(torch.split(floats, BATCH), torch.split(torch.from_numpy(labels), BATCH), strict=True))
    batches = Batches(images, labels, np.arange(len(images)), batch_size=BATCH, device=CPU, shuffle=True, seed=0)
    network, optimizer = small()

    def bare() -> float:
        started = time.perf_counter()
        for x, y in ready:
            loss = cross_entropy(network(x), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return (time.perf_counter() - started) / STEPS

    def ours() -> float:
        training = Training(network, optimizer, epochs=1, steps=STEPS)
        train(training, batches, schedule=constant(1), validate=dict, seed=0)
        return training.seconds / STEPS

    bare(), ours()
    pairs = [(bare(), ours()) for _ in range(ROUNDS)]
    print(machine())
    print(f"bare loop  {1000 * median(b for b, _ in pairs):.3f} ms a step")
    print(f"escalera   {1000 * median(o for _, o in pairs):.3f} ms a step")
    print(f"the loop's own cost  {1000 * median(o - b for b, o in pairs):.3f} ms a step   (wanted: at most 0.15)")


if __name__ == "__main__":
    main()
