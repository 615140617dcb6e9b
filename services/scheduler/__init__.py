"""Updates the table from the catalogue and enqueues each round."""
