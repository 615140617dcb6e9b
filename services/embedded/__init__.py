"""An AWS on a laptop, event source mappings, and the tracker deployed on both."""
