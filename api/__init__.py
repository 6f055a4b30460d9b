"""The REST API and the admin app: what is stored, and what the model says of a text, over HTTP.

A request goes through metrics.py and admin/security.py to its endpoint in rest/ or its page in admin/, which ask
identity/ who is there, and the store or the predictor for the rest; whatever goes wrong leaves as a problem of
problems.py or as a page that says what to do. app.py puts these together, documentation.py explains them to a
stranger, serve.py runs them as a process.
"""
