"""An AWS in this process: moto's server with corrected responses and injected faults.

It does not depend on the tracker.
"""
