"""Grafana dashboards, Prometheus rules and their provisioning, generated from Python.

Each dashboard is one module of panels (sentiment.py, consumer_health.py, model_quality.py, review_work.py, api.py), and
alerts.py has the alerts. build.py and rules.py turn them into the committed files; `make dashboards` runs both.
"""
