"""How many threads a training computes with, and how they wait."""

import os


def train_with(threads: int) -> None:
    """Compute with so many threads, 0 leaves it to PyTorch. Call it before anything else imports PyTorch."""
    # By default OpenMP's threads spin while they wait for each other. Beside other work one of them is always waiting
    # for its core, and the spinning took two thirds of a training's time (measured on two cores at nice 19).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    if threads:
        torch.set_num_threads(threads)
