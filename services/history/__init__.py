"""Reads the table: an adapter for its rows, and pure views of them."""
