"""The endpoints under /api/v1: one module per resource, with its request and response schemas in a second module.

Each endpoint declares its minimum role, calls the store or a rule that the pages share, and builds the response.
fields.py and cursor.py contain what several resources share.
"""
