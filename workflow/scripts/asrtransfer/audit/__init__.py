"""An audit of a finished study: what each stage promised, checked again from what is stored, by code of its own.

Nothing here is shared with the stages: files are read with PyArrow, soundfile and safetensors themselves, spectra and
networks are computed in NumPy, limits by SciPy. So an error of a stage is not repeated here. ``python -m
asrtransfer.audit RESULTS`` audits a folder.
"""

from __future__ import annotations

from pathlib import Path

from asrtransfer.audit import attacks, corpora, counts, hearings, models, selection
from asrtransfer.audit.findings import Finding
from asrtransfer.audit.stored import Stored

STAGES = (corpora, models, selection, attacks, hearings, counts)


def audit(results: Path | str) -> list[Finding]:
    """Check a folder of results.

    Args:
        results: of a study that has run to its end.

    Returns:
        One finding a check, in the order of the stages.

    Raises:
        NotAStudy: if a file is missing or cannot be read.
    """
    stored = Stored(Path(results))
    return [finding for stage in STAGES for finding in stage.check(stored)]
