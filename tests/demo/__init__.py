"""Tests of the demo: it is run as a person runs it, and its last line is read.

Broker and database are the embedded ones, except in a long test on Apache Kafka and MySQL. The parts that only show or
count are tested by themselves.
"""
