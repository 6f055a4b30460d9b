"""The files in public repositories that collected data sets consist of (`python -m research.data --collect`).

The repositories were found on GitHub, and samples of each were read before use. Left out: takeaway and Amazon reviews,
posts about the virus, and everything that may contain the test splits of published sets, because models are compared on
those; sets without stop words, which include negations; sets labelled by a model; and accusations of people by name
(research/decisions/collected-data-sets.md).
"""

from research.data.published_clones import PUBLISHED
from research.data.rated_clones import RATED
from research.data.unlabelled_clones import UNLABELLED

# By path in the data folder.
CLONES = {**PUBLISHED, **RATED, **UNLABELLED}
