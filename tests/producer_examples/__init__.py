"""Tests of the examples for platforms.

Each example runs as a process of its own, as a platform would run it, against a genuine Kafka.
What it published is read back and parsed as the consumer parses it.
"""
