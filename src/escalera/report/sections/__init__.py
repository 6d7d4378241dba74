"""The parts of the page. One section is one file here and one template of the same name.

A section is a function `section(view)` that gives what its template needs, or None where it has nothing to show; the
lists in `page.py` say which come in which order.
"""
