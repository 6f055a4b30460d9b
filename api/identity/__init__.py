"""Says who asks: people with their roles, passwords, sessions and tokens, and the throttling of those who guess.

identity.py turns a request into an Identity, or refuses it; sign_in.py, accounts.py and tokens.py hold the rules that
the REST API and the pages share. Rows are read and written by the store's modules of the same subjects.
"""
