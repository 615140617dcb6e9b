"""What a newcomer does after the demo."""

from __future__ import annotations

NEXT_STEPS = """\
Next steps, to watch real images:

  make install                       install the command below
  regions.yaml                       enter your account and your regions
  tracked_images/                    keep, add or remove images
  .venv/bin/ami-tracker check        check both
  .venv/bin/ami-tracker lookup       try a lookup with your own credentials
  .venv/bin/ami-tracker demo --keep  try every command with this demo
  INSTALL.md                         deploy, and what it costs
"""
