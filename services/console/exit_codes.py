"""Exit codes: 0 success, 1 a problem in AWS or in the demo, 2 wrong usage or configuration."""

from __future__ import annotations

EXIT_WRONG = 1
EXIT_CONFIGURATION = 2
