"""Tests of training: reading comments, the training loop and the command.

The models are tiny and the comments are written by hand.
"""
