"""Configure the threads of a training."""

import os


def train_with(threads: int) -> None:
    """Use this number of threads; 0 uses PyTorch's default. Call it before anything else imports PyTorch."""
    # By default, OpenMP threads spin while they wait for each other. If other processes use the cores, spinning takes
    # two thirds of the training time (measured on two cores at nice 19).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    if threads:
        torch.set_num_threads(threads)
