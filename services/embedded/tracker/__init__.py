"""The tracker on the embedded AWS: its resources, and its functions as a pipeline."""
