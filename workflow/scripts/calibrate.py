"""Rule calibrate: what this machine does in a second, for the plan and for what jobs ask of a cluster."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from asrtransfer import calibration
from asrtransfer.files.whole import replace_file
from asrtransfer.machine import compute
from job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as progress:
    params = snakemake.params
    compute.prepare(params.device, params.threads)
    say = partial(progress, last=True)
    rates, details = calibration.calibrate(params.device, params.units, params.budget, say)
    for path, content in ((snakemake.output.details, details), (snakemake.output.rates, rates)):
        replace_file(Path(path), (json.dumps(content, indent=2) + "\n").encode())
