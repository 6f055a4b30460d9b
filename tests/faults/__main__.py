"""`python -m tests.faults --events 200000 --seed 1`."""

import argparse
import asyncio
import sys

from tests.faults.run import run

parser = argparse.ArgumentParser(prog="make faults")
parser.add_argument("--events", type=int, default=10_000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--outage", type=float, default=60, help="seconds that servers are away")
parser.add_argument("--rounds", type=int, default=1, help="how often every fault comes")
arguments = parser.parse_args()
verdict = asyncio.run(run(arguments.events, arguments.seed, arguments.outage, arguments.rounds))
sys.stdout.write(f"{verdict}\n")
sys.exit(0 if verdict.clean else 1)
