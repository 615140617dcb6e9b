"""An AWS in this process: moto's server with corrected answers and faults on demand.

It knows nothing of the tracker.
"""
