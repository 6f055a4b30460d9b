"""What `make bench` runs: ratios measured side by side in one run, on this machine, in this minute.

Each module measures one thing and prints its figures with the ones that they are compared to. Speeds alone say little
on a shared machine; only ratios are claimed.
"""
