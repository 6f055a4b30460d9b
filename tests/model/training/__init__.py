"""Tests of training: reading and cleaning comments, the loop, and the command.

Models are small enough to take seconds.
Comments are written by hand.
"""
