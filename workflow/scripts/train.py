"""Rule train: speech becomes a model, with its learning curve and card."""

import signal
import sys
import threading

from asrtransfer import extension
from asrtransfer.recognisers.trained import Interrupted, TrainingJob, train_model
from job import Job, run


def main(job: Job) -> None:
    """Train a model; on SIGTERM, which a cluster sends before it takes the machine away, keep a checkpoint and end."""
    model = job.params.model
    section = extension.find("recogniser", model["use"]).class_.section
    order = TrainingJob(
        model=job.wildcards["model"],
        family=model["family"],
        seed=model["seed"],
        arm=model["arm"],
        which=model["which"],
        donor=next(iter(job.inputs("donor")), None),
        shared=tuple(model["shared"]),
        keys=section.model_validate(model["keys"]),
        train=job.input("train"),
        dev=job.input("dev"),
        weights=job.output("weights"),
        epochs=job.output("epochs"),
        curve=job.output("curve"),
        card=job.output("card"),
        device=job.params.device,
        threads=job.params.threads,
        code=job.params.code,
    )
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        train_model(model["use"], order, lambda line, last: job.progress(line, last=last), asked.is_set)
    except Interrupted:
        job.progress("told to stop; the next run goes on from the checkpoint", last=True)
        sys.exit(1)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
