"""An audit of a finished study: what each stage promised, checked again from what is stored, by code of its own.

Nothing here is shared with the stages: files are read with PyArrow, soundfile and safetensors themselves, spectra and
networks are computed in NumPy, tables are counted in SQL, limits by SciPy. So an error of a stage is not repeated here.
``python -m asrtransfer.audit RESULTS`` audits a folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from asrtransfer.audit import attacks, claims, clean, corpora, hearings, models, pages, recount, selection
from asrtransfer.audit.findings import Finding
from asrtransfer.audit.stored import Stored

STAGES = (corpora, models, clean, selection, attacks, hearings, recount, claims)
"""What a study has before its verdict."""


def audit_results(results: Path | str) -> list[Finding]:
    """Check a folder of results up to its tables.

    Args:
        results: of a study whose tables are made.

    Returns:
        One finding a check, in the order of the stages.

    Raises:
        NotAStudy: if a file is missing or cannot be read.
    """
    return _check(results, STAGES)


def audit_pages(results: Path | str) -> list[Finding]:
    """Check verdict and report of a finished study; arguments and errors as those of :func:`audit_results`."""
    return _check(results, (pages,))


def audit(results: Path | str) -> list[Finding]:
    """Check a finished study; arguments and errors as those of :func:`audit_results`."""
    return _check(results, (*STAGES, pages))


def _check(results: Path | str, stages: Sequence[ModuleType]) -> list[Finding]:
    stored = Stored(Path(results))
    return [finding for stage in stages for finding in stage.check(stored)]
