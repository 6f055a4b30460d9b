"""Tests of the consumer, from reading one record to whole processes that are killed in the middle of their work.

Where broker and database matter they are genuine ones. What must not depend on chance is driven by scripted faults.
"""
