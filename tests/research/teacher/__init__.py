"""Tests of the teachers.

The encoder is compared with the package that packs it, and runs on tiny sizes. Answers are kept once and ensembles are
weighed.
"""
