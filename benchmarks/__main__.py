"""`make bench`: run the benchmarks of network and consumer. Exit with status 1 when a target ratio is missed."""

import sys

from benchmarks import consumer, network

# Run both, even if the first one misses its target.
reached = [network.run(), consumer.run()]
sys.exit(0 if all(reached) else 1)
