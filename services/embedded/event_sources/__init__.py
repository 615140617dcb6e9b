"""Event source mappings of a queue and a stream, with Lambda's behaviour.

They do not depend on the tracker.
"""
