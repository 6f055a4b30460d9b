"""`make bench`."""

import sys

from benchmarks import consumer

sys.exit(0 if consumer.run() else 1)
