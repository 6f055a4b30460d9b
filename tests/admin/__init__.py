"""The admin app as people use it: in Chromium, on a genuine database, page by page.

conftest.py starts the app and the browser, and fails every test whose pages log an error, break the policy or ask
another host; looking.py takes the screenshots and judges accessibility. Pictures lie in build/screenshots afterwards.
"""
