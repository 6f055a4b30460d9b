"""Deliberate defects as patches: a fault run on a copy of the project with one of them must fail.

A safeguard whose removal no fault detects is either unnecessary or lacks a fault. `python -m tests.faults.mutations`
applies each patch to a copy and reports which ones were caught.
"""
