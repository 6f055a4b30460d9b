"""Add another model's predictions to stored comments: `liuyan consumer replay` for the past, a shadow for live traffic.

relabeller.py reads the parts that this process holds (log_source.py, or stored comments), labels the texts that lack
the prediction and writes them; any number of processes share the work through rows (store/relabel_work.py). replay.py
and shadow.py start it with an end: the live group's stored offsets at the start, or those of now.
"""
