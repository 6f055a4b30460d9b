"""The data sets that the shipped model learned from: `python -m research.data`.

``registry`` describes every file with its SHA-256, and ``collect`` creates files from clones of public repositories.
The project publishes none of the comments.
"""
