"""Run the faults: `python -m tests.faults --events 200000 --seed 1`."""

import argparse
import asyncio
import sys

from tests.faults.run import run
from tests.faults.schedule import FAULTS

parser = argparse.ArgumentParser(prog="make faults")
parser.add_argument("--events", type=int, default=10_000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--outage", type=float, default=60, help="duration of outages in seconds")
parser.add_argument("--rounds", type=int, default=1, help="how often each fault is injected")
parser.add_argument("--only", default="", help="comma-separated names of faults; default: all")
arguments = parser.parse_args()
names = set(filter(None, arguments.only.split(",")))
if names - {fault.__name__ for fault in FAULTS}:
    parser.error(f"--only accepts {', '.join(fault.__name__ for fault in FAULTS)}")
faults = [fault for fault in FAULTS if not names or fault.__name__ in names]
verdict = asyncio.run(run(arguments.events, arguments.seed, arguments.outage, arguments.rounds, faults))
sys.stdout.write(f"{verdict}\n")
sys.exit(0 if verdict.clean else 1)
