"""Shared fixtures of the infrastructure tests."""

from __future__ import annotations

from support.aws.packages import built_packages

__all__ = ["built_packages"]
