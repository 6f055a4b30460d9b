"""The REST API: what is stored, and what the model says of a text, over HTTP.

A request goes through metrics.py to its endpoint in comments.py or predict.py, which asks the store or the predictor
and answers in the shapes of schemas.py; whatever goes wrong leaves as a problem of problems.py.
app.py puts these together, documentation.py explains them to a stranger, serve.py runs them as a process.
"""
