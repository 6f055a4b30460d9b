"""Kafka in, labelled rows out: a comment passes source, worker, batcher and writer, and run.py ties them.

The database holds each partition's position and every batch compares it before it writes, so a crash, a redelivery or
a consumer that wakes late can neither lose a comment nor store it twice. What platforms publish is defined once, in
event.py.
"""
