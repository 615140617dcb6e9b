"""The command `python -m benchmarks`, which `make bench` and `make bench-quick` run."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.growth import picture
from benchmarks.laboratory import laboratory
from benchmarks.packages import build_packages
from benchmarks.run import everything, quick
from benchmarks.table import report
from infra.package.calls import CALLS
from infra.package.errors import PackagingError
from infra.package.interpreter import NoInterpreterError


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure, print the tables and write the results; returns the exit code."""
    options = _parser().parse_args(arguments)
    measure = quick if options.quick else everything
    try:
        with tempfile.TemporaryDirectory(prefix="ami-tracker-zips-") as folder:
            zips = _zips(options.packages, Path(folder), environ)
            with laboratory(zips, environ) as bench:
                document = measure(bench, _note)
    except (NoInterpreterError, PackagingError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(report(document))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if not options.quick:
        (options.out / "bench.svg").write_text(picture(document), encoding="utf-8")
    return 0


def _zips(packages: Path | None, folder: Path, environ: Mapping[str, str]) -> Mapping[str, Path]:
    """The packages in a folder, or new ones."""
    if packages is not None:
        return {function: packages / f"{function}.zip" for function in CALLS}
    _note("building the packages")
    return build_packages(folder, environ)


def _note(text: str) -> None:
    sys.stderr.write(f"{text} ...\n")
    sys.stderr.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only a small steady round")
    text = "the folder for bench.json and bench.svg (default: build)"
    parser.add_argument("--out", type=Path, default=Path("build"), metavar="DIR", help=text)
    text = "packages for this machine's processor and Python 3.13 (default: new ones)"
    parser.add_argument("--packages", type=Path, metavar="DIR", help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
