"""Makes Python search for reference cycles less often."""

from __future__ import annotations

import gc

_NEW_OBJECTS = 50_000
"""Objects that are created and not yet freed before a search: more than a response has. Python's
default is 2,000. In the longest case, this number of objects waits to be freed: about 10 MiB."""


def search_rarely() -> None:
    """Search less often, and not among the objects that exist now.

    A response of AWS is thousands of objects without cycles, which are freed without a search. With
    Python's default, the searches while they are created are 5 % of the processor time.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 10, 10)
