"""Event source mappings of a queue and a stream, by Lambda's rules.

They know nothing of the tracker.
"""
