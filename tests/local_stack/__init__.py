"""Test downloading, starting and stopping servers, not what Kafka or MySQL do.

The tests use the real programs and download them if they are not cached. Each test starts separate servers, because it
kills them.
"""
