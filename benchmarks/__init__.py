"""Benchmarks: compare speeds in the same run on the same machine.

Each module measures one thing and prints its results next to those of a reference. Absolute speeds mean little on a
shared machine, so targets are ratios.
"""
