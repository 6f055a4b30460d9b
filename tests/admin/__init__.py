"""Tests of the admin app in Chromium, with a real database.

conftest.py starts the app and the browser, and fails a test if a page logs an error, violates the content security
policy or contacts another host. looking.py takes screenshots, stored in build/screenshots, and checks accessibility.
"""
