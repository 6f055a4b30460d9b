"""The declared metrics by program."""

from liuyan.metrics.api import API
from liuyan.metrics.consumer import CONSUMER
from liuyan.metrics.database import DATABASE
from liuyan.metrics.metric import Metric
from liuyan.metrics.process import PROCESS, SHARED

CONSUMER_METRICS: tuple[Metric, ...] = (*CONSUMER, *SHARED, *PROCESS)
API_METRICS: tuple[Metric, ...] = (*API, *DATABASE, *SHARED, *PROCESS)
ALL_METRICS: tuple[Metric, ...] = (*CONSUMER, *API, *DATABASE, *SHARED, *PROCESS)
