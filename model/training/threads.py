"""Configure the threads of a training."""

import os

from liuyan.errors import UsageError


def train_with(threads: int) -> None:
    """Use this number of threads; 0 uses PyTorch's default. Call it before anything else imports PyTorch.

    Raises UsageError if PyTorch is not installed.
    """
    # By default, OpenMP threads spin while they wait for each other. If other processes use the cores, spinning takes
    # two thirds of the training time (measured on two cores at nice 19).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import torch
    except ImportError as error:
        raise UsageError("Training needs PyTorch. Run `pip install liuyan[training]`.") from error

    if threads:
        torch.set_num_threads(threads)
