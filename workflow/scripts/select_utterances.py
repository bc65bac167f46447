"""Checkpoint select: clean transcripts become the utterances to attack, and their own targets.

Its name is longer than the checkpoint's: a module ``select`` would stand in for the standard library's.
"""

from itertools import product

from asrtransfer.files import parquet
from asrtransfer.hearing import selection
from job import Job, run


def main(job: Job) -> None:
    """Draw utterances that every voting model hears right, list each model's next best texts of them, change words."""
    params = job.params
    heard = {}
    for model, path in zip(params.models, job.inputs("transcripts"), strict=True):
        transcripts = parquet.read(path)
        heard[model] = transcripts[transcripts["split"] == "test"]
    test = parquet.read(job.input("test"))
    chosen = selection.select(test, heard, params.utterances, params.seed)
    targets = product(params.models, params.ranks)
    for (model, rank), path in zip(targets, job.outputs("near_targets"), strict=True):
        parquet.write(selection.near_targets(chosen, heard[model], [rank]), path)
    pool = {word for text in test["text"] for word in text.split()}
    for count, path in zip(params.words, job.outputs("words"), strict=True):
        parquet.write(selection.change_words(chosen, pool, count, params.seed), path)
    parquet.write(chosen, job.output("selected"))
    job.progress(f"{len(chosen)} utterances selected", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
