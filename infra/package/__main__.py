"""Entry point of `python -m infra.package`."""

from __future__ import annotations

import os
import sys

from infra.package.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
