"""Rule language: one of LibriSpeech's language models, downloaded, in lower case."""

from asrtransfer.ctc import librispeech_models
from job import Job, run


def main(job: Job) -> None:
    """Download the language model."""
    path = job.output("language_model")
    librispeech_models.fetch(job.params.name, path, job.params.mirror)
    job.progress(f"{job.params.name}: {path.stat().st_size / 1e6:.0f} MB", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
