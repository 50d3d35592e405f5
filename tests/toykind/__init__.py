"""A toy kind of work: a picture that loses its colours. docs/adding-a-kind.md builds it up.

Nothing of the site names it. One line of settings installs it (`tests.toykind.settings`), and it
appears wherever a kind appears; `tests/test_toykind.py` runs that.
"""
