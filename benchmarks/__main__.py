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
from benchmarks.laboratory import Laboratory, laboratory
from benchmarks.mass_release import MassRelease
from benchmarks.measure import BATCHES, Case
from benchmarks.packages import build_packages
from benchmarks.run import Document, everything, mass_release, one_round, quick
from benchmarks.table import report
from infra.package.calls import CALLS
from infra.package.errors import PackagingError
from infra.package.interpreter import NoInterpreterError


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Measure, print the tables and write the results; returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="ami-tracker-zips-") as folder:
            zips = _zips(options.packages, Path(folder), environ)
            with laboratory(zips, environ) as bench:
                document = _measure(bench, options)
    except (NoInterpreterError, PackagingError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(report(document))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "bench.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if "costs" in document:
        (options.out / "bench.svg").write_text(picture(document), encoding="utf-8")
    return 0


def _measure(bench: Laboratory, options: argparse.Namespace) -> Document:
    if options.mass_release is not None:
        released = MassRelease(options.mass_release, options.accounts, capacity=options.capacity)
        return mass_release(bench, released, _note)
    if options.pairs is not None:
        names = ("pairs", "accounts", "family", "batches", "tls", "changed", "first")
        case = Case(**{name: getattr(options, name) for name in names})
        return one_round(bench, case, _note)
    return quick(bench, _note) if options.quick else everything(bench, _note)


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
    one = parser.add_argument_group("one round, compared with the naive way")
    one.add_argument("--pairs", type=int, metavar="N", help="the number of pairs")
    one.add_argument("--accounts", type=int, default=1, metavar="N", help="default: 1")
    one.add_argument("--family", type=int, default=10, metavar="N", help="default: 10")
    one.add_argument("--batches", choices=BATCHES, default="dense", help="default: dense")
    one.add_argument("--tls", action="store_true", help="over TLS")
    one.add_argument("--changed", type=int, default=0, metavar="PERCENT", help="default: 0")
    one.add_argument("--first", action="store_true", help="a first round")
    release = parser.add_argument_group("a new build of every image of one region")
    text = "the number of images"
    release.add_argument("--mass-release", type=int, metavar="N", help=text)
    text = "the part of a partition's usual capacity that DynamoDB has (default: 1)"
    release.add_argument("--capacity", type=float, default=1, metavar="PART", help=text)
    text = "the folder for bench.json and bench.svg (default: build)"
    parser.add_argument("--out", type=Path, default=Path("build"), metavar="DIR", help=text)
    text = "packages for this machine's processor and Python 3.13 (default: new ones)"
    parser.add_argument("--packages", type=Path, metavar="DIR", help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
