"""The demo: publish real comments and show how they are labelled and stored.

It starts a temporary broker and database, embedded or real ones, and runs the consumer and the API with the usual
commands. At the end it compares the published comments with the stored ones.
"""
