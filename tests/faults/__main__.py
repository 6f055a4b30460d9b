"""Run the faults: `python -m tests.faults --events 200000 --seed 1`."""

import argparse
import asyncio
import sys

from tests.faults.overlap import ALL, ONLY_IN_A_CLUSTER
from tests.faults.run import Plan, run

parser = argparse.ArgumentParser(prog="make faults")
parser.add_argument("--events", type=int, default=10_000)
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--outage", type=float, default=60, help="duration of outages in seconds")
parser.add_argument("--rounds", type=int, default=1, help="how often each fault is injected")
parser.add_argument("--overlap", type=int, choices=[0, 1], default=0, help="1: two or three faults at the same time")
parser.add_argument("--cluster", type=int, default=1, help="number of Kafka nodes")
parser.add_argument("--only", default="", help="comma-separated names of faults; default: all")
arguments = parser.parse_args()
names = set(filter(None, arguments.only.split(",")))
possible = [fault for fault in ALL if arguments.cluster > 1 or fault not in ONLY_IN_A_CLUSTER]
if names - {fault.__name__ for fault in possible}:
    parser.error(f"--only accepts {', '.join(fault.__name__ for fault in possible)}")
plan = Plan(
    arguments.events,
    arguments.seed,
    arguments.outage,
    arguments.rounds,
    [fault for fault in possible if not names or fault.__name__ in names],
    overlap=bool(arguments.overlap),
    nodes=arguments.cluster,
)
verdict = asyncio.run(run(plan))
sys.stdout.write(f"{verdict}\n")
sys.exit(0 if verdict.clean else 1)
