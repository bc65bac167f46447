"""The frame of every page: templates, style, script and one JavaScript library become one self-contained file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import plotly.offline
from markupsafe import Markup

from asrtransfer.report import tables, words
from asrtransfer.report.figures import Figure


def render_page(templates: Path, name: str, drawn: Sequence[Figure], **content: Any) -> str:
    """Render a template that extends ``frame.html``.

    Args:
        templates: folder of the templates, with ``style.css`` and ``page.js``.
        name: file name of the template.
        drawn: figures of the page; a page without any does without their library.
        **content: what the template names.

    Returns:
        HTML that loads nothing, from the network or from disk.
    """
    return (
        _load_templates(templates)
        .get_template(name)
        .render(
            **content,
            style=Markup((templates / "style.css").read_text()),
            script=Markup((templates / "page.js").read_text()),
            plotly=Markup(plotly.offline.get_plotlyjs()) if drawn else "",
            figure_data=_write_script_data({one.name: [view.__dict__ for view in one.views] for one in drawn}),
        )
    )


def _load_templates(templates: Path) -> jinja2.Environment:
    """Load the templates from their folder; they escape text, and refuse a name that nothing defines."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"grouped": words.grouped, "measure": _write_measure}
    return environment


def _write_measure(value: float | None, pattern: str) -> str:
    """Write a measure, or a dash where it is unknown."""
    return tables.MISSING if value is None or pd.isna(value) else pattern % value


def _write_script_data(value: Any) -> Markup:
    """Write JSON that cannot end the script element that holds it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, sort_keys=True)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))
