"""The command line, and the embedded AWS that runs everything on a laptop."""
