"""Entry point of `python -m infra.deploy`."""

from __future__ import annotations

import os
import sys

from infra.deploy.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
