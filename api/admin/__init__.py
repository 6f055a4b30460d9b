"""The admin app: pages in a layout of our own, mounted at /admin inside the API.

A request goes through security.py, ../i18n.py, flash.py, forms.py and gate.py to its page; page.py is what every page
is made of, one module each, with its template and its script under the same name. admin.py puts the pages together;
what they change goes through the same functions of the store as the REST API, and none of them holds SQL.
"""
