"""Tests of the REST API.

Most tests call the application in memory, with a real database and the shipped model. Tests of the process start
`liuyan api serve` and connect over TCP.
"""
