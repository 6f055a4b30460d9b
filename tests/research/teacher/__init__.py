"""Tests of the teachers: encoders, cached answers, the linear teacher and ensembles.

Pretrained encoders are compared with the packages that contain them. Training is tested with tiny encoders.
"""
