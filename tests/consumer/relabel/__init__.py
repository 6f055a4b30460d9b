"""Tests of replays and shadows, with real processes.

test_replay.py and test_shadow.py compare every prediction with what the model says about the current text.
test_refusals.py has the sentences for what cannot be replayed.
"""
