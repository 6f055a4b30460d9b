"""The comments that nothing may be trained or tuned on: models are compared on them."""

from pathlib import Path

HELD_OUT = Path(__file__).parent / "heldout_digests.txt"
