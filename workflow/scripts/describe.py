"""Rule describe: the card of a recogniser that is loaded, not trained."""

from asrtransfer.files.cards import write_card
from asrtransfer.machine import compute
from job import Job, run
from models import load_model


def main(job: Job) -> None:
    """Load the recogniser once, and write down what it is."""
    params = job.params
    compute.prepare(params.device, params.threads)
    recogniser = load_model(job)
    card = {
        "model": job.wildcards["model"],
        "family": params.family,
        "seed": None,
        "arm": "none",
        "keys": params.model["keys"],
        "weights_sha256": recogniser.identity,
        "device": params.device,
        "threads": params.threads,
        **compute.describe(params.device),
    }
    write_card(card, job.output("card"))
    job.progress(f"identity {recogniser.identity[:10]}", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
