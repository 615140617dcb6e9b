"""An AWS in this process, event source mappings, and the tracker deployed on both."""
