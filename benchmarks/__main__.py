"""`make bench`: every benchmark, one after the other; the exit status is 1 when a wanted ratio is not reached."""

import sys

from benchmarks import consumer, network

# Both are run whatever the first one says.
reached = [network.run(), consumer.run()]
sys.exit(0 if all(reached) else 1)
