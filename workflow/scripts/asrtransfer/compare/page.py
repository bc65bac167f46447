"""The page of a comparison, in the looks of a study's report."""

from __future__ import annotations

from pathlib import Path

from asrtransfer.compare import curves, figures, loudness, matrices, tables
from asrtransfer.compare.studies import Studies
from asrtransfer.report import findings
from asrtransfer.report.frame import render_page

SECTIONS = [
    ("verdict", "Verdicts"),
    ("configurations", "Configurations"),
    ("figures", "Figures"),
    ("claims", "Claims"),
    ("numbers", "Numbers"),
]


def render(studies: Studies, templates: Path) -> str:
    """Write the page.

    Args:
        studies: by name, in the order of the columns.
        templates: folder with ``compare.html``, ``frame.html``, ``figures.html``, ``tables.html``, ``style.css`` and
            ``page.js``.

    Returns:
        HTML that loads nothing, from the network or from disk; the same for the same studies.
    """
    drawn = [
        figures.transfer(studies),
        matrices.who_hears_whom(studies),
        loudness.transfer_against_loudness(studies),
        curves.dose_curves(studies),
        figures.attack_success(studies),
        figures.near_targets(studies),
    ]
    shown = [figure for figure in drawn if figure is not None]
    differences, differences_conclusion = tables.lay_out_differences(studies)
    claims, claims_conclusion = tables.lay_out_claims(studies)
    return render_page(
        templates,
        "compare.html",
        shown,
        title=f"Studies side by side: {', '.join(studies)}",
        sections=SECTIONS,
        verdicts=[(name, findings.verdict(study.facts), bool(study.facts.broken)) for name, study in studies.items()],
        differences=differences,
        differences_conclusion=differences_conclusion,
        figures=shown,
        claims=claims,
        claims_conclusion=claims_conclusion,
        sheets=[
            tables.lay_out_results(studies),
            matrices.lay_out_pairs(studies),
            loudness.lay_out_points(studies),
            *([curves.lay_out_doses(studies)] if any(figure.name == "curves" for figure in shown) else []),
        ],
    )
