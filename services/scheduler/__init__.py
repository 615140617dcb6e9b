"""Brings the table in line with the catalogue and enqueues each round."""
