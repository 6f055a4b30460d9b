"""Every metric of the consumer and the API, declared once as data.

`process.py`, `consumer.py`, `api.py` and `database.py` declare them, `declared.py` lists them by program. `exporter.py`
creates their prometheus_client objects, and `document.py` generates docs/metrics.md.
"""
