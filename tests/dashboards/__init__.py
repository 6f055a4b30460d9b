"""Test the committed dashboards, rules and files of provisioning.

Most tests only read them; promtool checks the rules, and one module runs every query on real servers under load.
Nothing needs Grafana.
"""
