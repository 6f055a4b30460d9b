"""`python -m research.data`: the data sets that the shipped model learned from.

``registry`` describes every file by its SHA-256, and ``collect`` makes the files that come from clones of
public repositories.
The project publishes none of the comments.
"""
