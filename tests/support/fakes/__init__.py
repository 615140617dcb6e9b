"""In-memory implementations of the ports, of time and of threads."""
