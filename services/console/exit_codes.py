"""What the commands exit with: 0 success, 1 something is wrong in AWS, 2 wrong usage or files."""

from __future__ import annotations

EXIT_WRONG = 1
EXIT_CONFIGURATION = 2
