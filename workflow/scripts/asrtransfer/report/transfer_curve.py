"""Transfer against the distance of the weights: one curve from the surrogate itself to a stranger."""

from __future__ import annotations

import io

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from asrtransfer.statistics.bounds import clopper_pearson

# Okabe and Ito's colours and a marker, so that neither alone tells the kinds apart.
KINDS = {
    "epoch": ("earlier epochs of the surrogate", "#0072B2", "o"),
    "line": ("on the line to a remote", "#D55E00", "s"),
}
PANELS = {"phrase": "phrases", "near": "near targets", "words": "words changed"}


def curve(heard: pd.DataFrame, level: float) -> pd.DataFrame:
    """Compute the share of samples that transfer to each neighbour.

    Args:
        heard: one row a primary sample and neighbour: surrogate, kind, neighbour, distance, dev_wer, target_kind, hit.
        level: of confidence, of the exact interval (unit: the sample).

    Returns:
        surrogate, target_kind, kind (epoch or line), neighbour, distance (Euclidean, as a share of
        the norm of the surrogate's weights), dev_wer (greedy: a point between two models may be no recogniser at all),
        samples, transfers, share, lower, upper; ascending by distance.
    """
    keys = ["surrogate", "target_kind", "kind", "neighbour", "distance", "dev_wer"]
    table = heard.groupby(keys)["hit"].agg(samples="size", transfers="sum").reset_index()
    table["share"] = table["transfers"] / table["samples"]
    pairs = zip(table["transfers"], table["samples"], strict=True)
    limits = [clopper_pearson(int(hits), int(samples), level) for hits, samples in pairs]
    table["lower"] = [interval.lower for interval in limits]
    table["upper"] = [interval.upper for interval in limits]
    return table.sort_values(["target_kind", "surrogate", "distance"], ascending=[False, True, True])


def draw(table: pd.DataFrame) -> bytes:
    """Draw the curve as SVG, the same bytes for the same table."""
    panels = [panel for panel in PANELS if panel in set(table["target_kind"])]
    with mpl.rc_context({"svg.hashsalt": "transfer-curve", "font.size": 9}):
        figure = Figure(figsize=(4.5 * len(panels), 3.6), layout="constrained")
        for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
            for kind, (label, colour, marker) in KINDS.items():
                rows = table[(table["target_kind"] == panel) & (table["kind"] == kind)]
                spread = [rows["share"] - rows["lower"], rows["upper"] - rows["share"]]
                axes.errorbar(
                    rows["distance"], rows["share"], yerr=spread, fmt=marker, color=colour, label=label, capsize=2
                )
            axes.set(title=PANELS[panel], ylim=(-0.03, 1.03))
            axes.set(xlabel="distance of the weights", ylabel="samples that transfer")
            axes.set_xscale("symlog", linthresh=1e-3)
            axes.grid(alpha=0.3)
        figure.axes[0].legend()
        content = io.BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()
