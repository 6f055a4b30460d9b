"""Fault injection: publish real comments through real servers while consumers, servers and connections fail.

A seed determines the records and the schedule of faults. At the end every table is compared with a reference model of
the contract, written from the design and not from the code.
"""
