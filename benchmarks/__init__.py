"""Measures calls, processor time, memory and cost of the functions against a local stub of AWS."""
