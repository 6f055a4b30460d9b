"""Test the consumer, from parsing one record to killing whole processes.

Tests use real brokers and databases where these matter, and scripted faults where timing must not depend on chance.
"""
