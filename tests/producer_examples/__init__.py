"""Test the examples for platforms.

Each example runs as a process with a real Kafka. The tests read the published records back and parse them as the
consumer does.
"""
