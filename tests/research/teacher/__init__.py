"""Tests of the teachers: encoders, cached answers, the linear teacher and ensembles."""
