"""Test the consumer, from parsing one record to killing whole processes.

Tests use real brokers and databases where these matter. Faults whose timing must not depend on chance are scripted.
"""
