"""Which files of which public repositories the collected data sets are made of (`python -m research.data --collect`).

Found in public repositories on GitHub and read in samples before they were taken. Left out on purpose: takeaway and
Amazon reviews, posts on the virus, and whatever might hold the test splits of published sets, since models are judged
on those; sets whose stop words, and with them the negations, had been removed; what a model labelled; and what accuses
people by their names (research/decisions/collected-data-sets.md).
"""

from research.data.rated_clones import RATED
from research.data.unlabelled_clones import UNLABELLED

# By the path that a file has in the folder of data sets.
CLONES = {**RATED, **UNLABELLED}
