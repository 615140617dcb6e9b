"""The commands. Each imports its modules when it runs, so help and completion are fast."""
