"""Tests of the research package: data sets, teachers, the build and comparisons.

Files are written by hand and models are tiny. Nothing is downloaded, except for the encoder bge.
"""
