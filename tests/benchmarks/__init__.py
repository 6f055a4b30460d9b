"""Tests of the benchmarks: the compared implementations compute the same results.

The benchmarks themselves take minutes. `make bench` runs them.
"""
