"""Larger or other models than the one that serves: a pretrained encoder, several GRUs, a linear model on TF-IDF.

Each learns from the labelled comments and says what it thinks of every comment; the answers are kept on disk, so that
nothing is asked twice.
Their mean, weighed on validation, is what the shipped GRU learns from; none of them is needed to label comments.
"""
