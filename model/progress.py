"""The progress reports of training and labelling; liuyan/progress.py has the bars."""

from liuyan.progress import Report, progress_bar

__all__ = ["Report", "progress_bar"]
