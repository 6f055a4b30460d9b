"""The tests; their folders mirror the packages.

The fixtures of conftest.py start real servers, and a test fails if its server is unavailable. Tests that take longer
than half a minute are marked `long` and run with `make test-long`.
"""
