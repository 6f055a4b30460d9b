"""The targets: what Liuyan should reach relative to the peers, computed from the results of one session."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.peers.results import Results, SystemResult
from benchmarks.peers.systems import LIUYAN, LIUYAN_25


@dataclass(frozen=True)
class Target:
    """One row of the table. ``met`` is None where a figure is missing."""

    name: str
    wanted: str
    measured: str
    met: bool | None


def targets(results: Results) -> list[Target]:
    """Return all targets that this benchmark can compute."""
    ours = results.systems.get(LIUYAN)
    if ours is None or not ours.backlog:
        return []
    same = {name: one for name, one in results.systems.items() if one.session == ours.session}
    peers = {name: one for name, one in same.items() if not name.startswith(LIUYAN)}
    measured = {name: one for name, one in peers.items() if one.backlog}
    memory, start = ours.peak_bytes().median / 1e6, ours.start_seconds().median
    return [
        _throughput(ours, measured),
        _tight(same.get(LIUYAN_25), peers),
        _default(ours, peers),
        _half(ours, peers, "faststream", 2.0),
        _half(ours, peers, "arroyo", 0.5),
        _half(ours, peers, "quix", 0.5),
        _cpu(ours, measured),
        Target("peak memory of a consumer", "at most 450 MB", f"{memory:.0f} MB", memory <= 450),
        Target("start to first row", "at most 2.5 s", f"{start:.1f} s", start <= 2.5),
    ]


def best(peers: dict[str, SystemResult], value: Callable[[SystemResult], float]) -> SystemResult | None:
    """Return the peer with the lowest value."""
    return min(peers.values(), key=value, default=None)


def _throughput(ours: SystemResult, peers: dict[str, SystemResult]) -> Target:
    name, wanted = "throughput, relative to the fastest peer", "at least 4"
    peer = best(peers, lambda one: -one.throughput().median)
    if peer is None:
        return Target(name, wanted, "no peer measured in this session", None)
    ratio = ours.throughput().median / peer.throughput().median
    return Target(name, wanted, f"{ratio:.2f} ({peer.title})", ratio >= 4)


def _cpu(ours: SystemResult, peers: dict[str, SystemResult]) -> Target:
    name, wanted = "CPU for a backlog without the start, relative to the most frugal peer", "at most 0.25"
    peer = best(peers, lambda one: one.cpu_seconds().median)
    if peer is None:
        return Target(name, wanted, "no peer measured in this session", None)
    ratio = ours.cpu_seconds().median / peer.cpu_seconds().median
    return Target(name, wanted, f"{ratio:.2f} ({peer.title})", ratio <= 0.25)


def _quickest(peers: dict[str, SystemResult]) -> tuple[SystemResult, dict[str, float]] | None:
    """Return the peer with the lowest p99 at 500 comments/s, and its figures."""
    figures = [(peer, at) for peer in peers.values() if (at := peer.at("500/s")) is not None]
    return min(figures, key=lambda pair: pair[1]["p99"], default=None)


def _tight(ours: SystemResult | None, peers: dict[str, SystemResult]) -> Target:
    name = "p99 at 500 comments/s with a budget of 25 ms, relative to the quickest peer"
    wanted = "at most 2, with no more CPU"
    at, quickest = ours.at("500/s") if ours else None, _quickest(peers)
    if at is None or quickest is None:
        return Target(name, wanted, "not measured in this session", None)
    peer, theirs = quickest
    ratio, cpu = at["p99"] / theirs["p99"], at["cpu_share"] / theirs["cpu_share"]
    return Target(name, wanted, f"{ratio:.2f}, CPU {cpu:.2f} ({peer.title})", ratio <= 2 and cpu <= 1)


def _default(ours: SystemResult, peers: dict[str, SystemResult]) -> Target:
    name = "p99 at 500 comments/s with the default settings, and CPU relative to the quickest peer"
    wanted = "at most 100 ms, CPU at most 0.5"
    at, quickest = ours.at("500/s"), _quickest(peers)
    if at is None or quickest is None:
        return Target(name, wanted, "not measured in this session", None)
    peer, theirs = quickest
    cpu = at["cpu_share"] / theirs["cpu_share"]
    return Target(name, wanted, f"{at['p99']:.0f} ms, CPU {cpu:.2f} ({peer.title})", at["p99"] <= 100 and cpu <= 0.5)


def _half(ours: SystemResult, peers: dict[str, SystemResult], name: str, most: float) -> Target:
    title = f"p99 at half of each system's own throughput, relative to {name}"
    at = ours.at("50 %")
    theirs = peers[name].at("50 %") if name in peers else None
    if at is None or theirs is None:
        return Target(title, f"at most {most:g}", "not measured in this session", None)
    ratio = at["p99"] / theirs["p99"]
    return Target(title, f"at most {most:g}", f"{ratio:.2f}", ratio <= most)
