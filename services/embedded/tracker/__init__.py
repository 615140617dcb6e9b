"""The tracker on the embedded AWS: its resources, and its functions joined to a pipeline."""
