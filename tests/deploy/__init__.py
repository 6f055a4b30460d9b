"""Test the Helm chart.

Helm, built from its Go module, renders the chart for several values files. Every rendered object is validated against
the schemas of Kubernetes.
"""
