"""The model registry: artifacts in the database, and their verified copies in each process's cache.

register.py validates an artifact and stores its files, artifacts.py returns the folder of a registered artifact,
compare.py compares two models, and commands.py has the commands. This package is above ``store`` and ``model``, which
know nothing of each other.
"""
