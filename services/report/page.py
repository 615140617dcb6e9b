"""Renders the report page: one HTML file without requests, from the data of the page."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.report import plain, texts
from services.report.compact import compact
from services.report.page_data import PageData
from services.report.states import LEGEND

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = (
    "expand",
    "text",
    "model",
    "fragment",
    "filter",
    "freshness",
    "attention",
    "groups",
    "rollouts",
    "matrix",
    "grid",
    "cards",
    "timeline",
    "drawer",
    "main",
)
"""The parts of the script, in the order in which they are joined."""

_COLOURS = {"act": "#a8170f", "watch": "#9a6100", "ok": "#1d7a3e"}
_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
    "<rect width='16' height='16' rx='4' fill='{colour}'/></svg>"
)


def render(data: PageData) -> str:
    """The page. The same data gives the same text."""
    verdict = plain.verdict(data)
    assets = _assets()
    return (
        _environment()
        .get_template("page.html")
        .render(
            data=data,
            policy=_policy(assets),
            icon=f"data:image/svg+xml,{quote(_ICON.format(colour=_COLOURS[verdict.tone]))}",
            json=embedded(data),
            verdict=verdict,
            figures=plain.figures(data),
            causes=plain.causes(data),
            rows=plain.current(data),
            legend=LEGEND,
            **assets,
        )
    )


def embedded(data: PageData) -> str:
    r"""The data as JSON for an element of HTML: ASCII only, with `<`, `>` and `&` as `\u003c`."""
    text = json.dumps(compact(data), separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ASSETS),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "hours": texts.hours,
        "moment": texts.moment,
        "near": texts.near,
        "number": texts.number,
        "shown": texts.shown,
    }
    return environment


@cache
def _assets() -> Mapping[str, str]:
    """The style and the scripts as they are in the page."""
    script = "\n".join(_read(f"{name}.js") for name in SCRIPTS)
    return {
        "style": _read("page.css"),
        "early": _read("early.js"),
        "script": f"(() => {{\n'use strict';\n\n{script}\n}})();\n",
    }


def _read(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _policy(assets: Mapping[str, str]) -> str:
    """The content security policy: only these scripts and this style, and no request."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(assets['early'])} {_hash(assets['script'])}",
            f"style-src {_hash(assets['style'])}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
