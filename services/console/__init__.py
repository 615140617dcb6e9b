"""The command line, and the demo on an embedded AWS."""
