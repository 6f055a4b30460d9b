"""Deliberate defects, each a patch: a run of the faults on a copy with one of them must turn red.

A safeguard that could be taken out without any fault showing it would be needless, or its fault missing.
`python -m tests.faults.mutations` applies each to a copy and says which ones were caught.
"""
