"""Reads what the services wrote: rows by an adapter, and pure views of them."""
