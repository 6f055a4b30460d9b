"""Show the dashboards without Grafana: run every query on real servers under load, and draw the panels with Plotly.

stack.py starts the servers, seed.py and history.py give them five weeks of history, load.py publishes comments and
uses the API meanwhile, queries.py answers queries, and page.py draws a dashboard. `make dashboards-preview` runs all of
it; the integration test of dashboards uses everything but the pictures.
"""
