"""Tests of how the shipped model was made: data collection, teachers, the build, and comparisons.

Files are written by hand and models are tiny.
Nothing is downloaded.
"""
