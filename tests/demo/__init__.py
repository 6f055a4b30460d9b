"""Test the demo by running the command and checking its last line.

Tests use the embedded broker and SQLite, except for a long test with Apache Kafka and MySQL. The parts that only
display or count have unit tests.
"""
