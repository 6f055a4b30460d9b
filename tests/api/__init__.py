"""Tests of the REST API.

Most ask the application in memory, over a genuine database and the shipped model.
Those of the process start `liuyan api serve` and talk to it over TCP.
"""
