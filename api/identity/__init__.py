"""Accounts and authentication: roles, passwords, sessions, tokens and the throttling of sign-in attempts.

identity.py turns a request into an Identity or rejects it, while sign_in.py, accounts.py and tokens.py contain the
rules that the REST API, the pages and the commands share. The store has the rows in modules of the same names.
"""
