"""Tests of the benchmarks: that what is compared computes the same.

The benchmarks themselves take minutes and are run by `make bench`.
What they print is not tested here.
"""
