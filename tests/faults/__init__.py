"""A load of real comments goes through genuine servers while a schedule breaks consumers, servers and connections.

What is published, and what breaks when, follows from a seed. At the end every table is compared with what a plain model
of the contract, written from the design and not from the code, says that it should be.
"""
