"""Rule calibrate: what this machine does in a second, for the plan and for what jobs ask of a cluster."""

import json
from functools import partial

from asrtransfer import calibration
from asrtransfer.files.whole import replace_file
from asrtransfer.machine import compute
from job import Job, run


def main(job: Job) -> None:
    """Measure every rate."""
    params = job.params
    compute.prepare(params.device, params.threads)
    say = partial(job.progress, last=True)
    rates, details = calibration.calibrate(params.use, params.section, params.device, params.budget, say)
    for name, content in (("details", details), ("rates", rates)):
        replace_file(job.output(name), (json.dumps(content, indent=2) + "\n").encode())


if __name__ == "__main__":
    run(main, globals()["snakemake"])
