"""Tests of training: reading comments, the training loop and the command.

The models are tiny. The comments are written by hand.
"""
