"""The comments that must not be used for training or tuning, because models are compared on them."""

from pathlib import Path

HELD_OUT = Path(__file__).parent / "heldout_digests.txt"
