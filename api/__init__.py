"""The REST API and the admin app: stored comments and predictions over HTTP.

A request passes metrics.py and admin/security.py on its way to an endpoint in rest/ or a page in admin/, which both
authenticate it with identity/ and use the store and the predictor. app.py assembles the application, problems.py turns
errors into problem details, documentation.py serves /docs and OpenAPI, and serve.py runs the process.
"""
