"""Train a model on labelled comments and reviews, and write an artifact.

Comments are read, deduplicated and split by content; then the GRU and the n-grams are trained. ``train`` runs one
training, ``run`` implements `liuyan model train`.
"""
