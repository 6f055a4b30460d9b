"""The admin app: server-rendered pages, mounted at /admin inside the API, without SQL of their own.

A request passes through security.py, ../i18n.py, flash.py, forms.py and gate.py to its page. page.py has the base class
of the pages, each page is one module with a template and a script of the same name, and admin.py assembles the app.
"""
