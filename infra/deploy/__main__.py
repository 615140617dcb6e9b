"""Entry point of `python -m infra.deploy`."""

from __future__ import annotations

import io
import os
import sys

from infra.deploy.cli import main

if __name__ == "__main__":
    # The summary has characters that not every encoding of a shell or a pipeline has.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:], os.environ))
