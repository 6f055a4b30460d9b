"""Set up Python's garbage collector for a process that works in batches."""

import gc

# Net number of new containers that starts a collection. A batch of 512 records creates and frees about 10,000; none of
# them is in a reference cycle. Python's default of 700 runs the collector dozens of times per batch, which takes a
# sixth of the consumer's CPU time outside the model.
THRESHOLD = 50_000


def spare_batches() -> None:
    """Never scan the objects that exist now, and scan later ones only when many more have been created than freed.

    Call this once the model is loaded. Objects without reference cycles are freed as always, a replaced model included.
    """
    gc.freeze()
    gc.set_threshold(THRESHOLD)
