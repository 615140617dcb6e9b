"""What the tests of the deployment share."""

from __future__ import annotations

from packages import built_packages

__all__ = ["built_packages"]
