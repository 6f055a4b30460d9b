"""Answers requests under /api/v1: one module a resource, and beside it the shapes of what it takes and gives.

Each endpoint names the role that it asks for, calls a function of the store or a rule that the pages call too, and
shapes the answer. What many resources share stands in fields.py and cursor.py.
"""
