"""A stub of the AWS services that the functions call, in a process of its own."""
