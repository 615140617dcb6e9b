"""Code that tests share; `tests` is on the path, so tests import `support`."""
