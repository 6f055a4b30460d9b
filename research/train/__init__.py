"""Trainings and experiments that `liuyan model train` does not offer: `python -m research.train`.

They include teachers, generated negations, the mean of several artifacts, cross-validation and a search for
hyper-parameters. The training loop is in ``model.training``.
"""
