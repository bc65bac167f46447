"""Rule corpus: a corpus becomes audio and a table for each split."""

from importlib import import_module
from pathlib import Path

from asrtransfer import corpora
from job import Job, run


def main(job: Job) -> None:
    """Prepare the corpus of the configured kind."""
    kind, settings = job.params.corpus["kind"], dict(job.params.corpus["settings"])
    settings |= {key: Path(settings[key]) for key in ("manifest", "source") if settings.get(key)}
    folder = job.output("train").parent
    # By a computed name, so that an edit of one kind does not speak, or download, another again.
    utterances = import_module(f"asrtransfer.corpora.{kind}").prepare(folder=folder, **settings)
    corpora.write(utterances, folder, disjoint_speakers=settings.get("disjoint_speakers", False))
    minutes = sum(utterance.seconds for utterance in utterances) / 60
    job.progress(f"{len(utterances)} utterances, {minutes:.1f} minutes", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
