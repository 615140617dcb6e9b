"""The commands that change something: `replay` and `redrive`."""
