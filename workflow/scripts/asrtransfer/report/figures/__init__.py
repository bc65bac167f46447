"""Figures of the report, as Plotly describes them; colours are safe for the colour-blind.

A figure has views: pictures of the same question, of which the page shows one and offers the others. A view without
data is left out.
"""

from asrtransfer.report.figures.base import Figure, View
from asrtransfer.report.figures.distances import distance_to_target
from asrtransfer.report.figures.dose import dose
from asrtransfer.report.figures.families import families, reach
from asrtransfer.report.figures.ladder import ladder
from asrtransfer.report.figures.models import training
from asrtransfer.report.figures.near import near_targets
from asrtransfer.report.figures.pairs import who_hears_whom
from asrtransfer.report.figures.samples import attack_success, confidence_and_distortion

__all__ = [
    "Figure",
    "View",
    "attack_success",
    "confidence_and_distortion",
    "distance_to_target",
    "dose",
    "families",
    "ladder",
    "near_targets",
    "reach",
    "training",
    "who_hears_whom",
]
