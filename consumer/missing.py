"""Label the comments that the active model has not labelled, with low priority.

After a promotion, consumers of the previous model queue what they store; a scan queues what was stored just before.
"""

import asyncio
from collections.abc import Sequence

import structlog

from consumer.metrics import ConsumerMetrics
from consumer.worker import Worker
from registry.follow import LoadedModel
from store.errors import CommitUnknownError, TransientStoreError
from store.missing import MissingComment, lease_missing, read_missing_work, settle_missing
from store.missing_scan import continue_scan
from store.relabel import TextPrediction
from store.store import Store

log = structlog.get_logger(__name__)

POLL_SECONDS = 2.0
# Few enough to be labelled well within a lease.
COMMENTS_AT_ONCE = 256
# After a crash, others continue with the leased comments this much later.
LEASE_SECONDS = 20.0


class MissingPredictions:
    """Lease comments that lack the active model's prediction, label them, and store the predictions."""

    def __init__(self, store: Store, worker: Worker, metrics: ConsumerMetrics) -> None:
        self._store = store
        self._worker = worker
        self._metrics = metrics

    async def run(self) -> None:
        """Label comments as they are queued, until cancelled."""
        while True:
            try:
                while await self.round():
                    pass
            except (TransientStoreError, CommitUnknownError) as error:
                # The leases end, and a prediction that was stored nevertheless is found to be present.
                log.warning("cannot label comments of another model, retrying", error=str(error), repeats=True)
            await asyncio.sleep(POLL_SECONDS)

    async def round(self) -> bool:
        """Label some comments, or scan for more if none wait; return whether there may be more.

        Does nothing unless the worker's model is active.

        Raises TransientStoreError, PermanentStoreError and CommitUnknownError.
        """
        model = self._worker.model
        work = await self._store.read(read_missing_work)
        if work is None or work.model != model.number:
            return False
        if work.comments:
            leased = await self._store.write(lease_missing, model.number, COMMENTS_AT_ONCE, LEASE_SECONDS)
            if leased:
                await self._label(model, leased)
                return True
        return work.scan and not (await self._store.write(continue_scan)).ended

    async def _label(self, model: LoadedModel, leased: Sequence[MissingComment]) -> None:
        unlabelled = [one for one in leased if not one.labelled]
        predictions = await self._worker.predict(model, [one.text for one in unlabelled]) if unlabelled else []
        items = [
            TextPrediction(one.platform, one.id, one.text, prediction)
            for one, prediction in zip(unlabelled, predictions, strict=True)
        ]
        outcome = await self._store.write(settle_missing, model.number, [one.number for one in leased], items)
        self._metrics.missing_labelled.inc(outcome.added)
        log.info("labelled comments of another model", comments=outcome.added, labelled_before=len(leased) - len(items))
