"""`make bench`: run the benchmarks. Exit with status 1 when a target is missed."""

import sys

from benchmarks import backlog, consumer, latency, network, replay

# Run all, even if one misses its target.
reached = [network.run(), consumer.run(), latency.run(), backlog.run(), replay.run()]
sys.exit(0 if all(reached) else 1)
