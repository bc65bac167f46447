"""Rule transcribe: one remote hears every sample of one surrogate, and their negative controls."""

from asrtransfer.ctc import decoding
from asrtransfer.ctc.pool import open_pool
from asrtransfer.files import parquet
from asrtransfer.hearing import transfer
from asrtransfer.machine import compute
from asrtransfer.speech.utterances import Speech
from job import Job, run
from models import load_channel, load_model


def main(job: Job) -> None:
    """Hear all attack jobs of the surrogate, one after the other."""
    params = job.params
    rows: list[dict[str, object]] = []
    with open_pool(decoding.build(**params.decoder), job.threads) as decoder:
        compute.prepare(params.device, params.threads)
        remote = load_model(job)
        own = [name for name, _ in params.dealt]
        speech = Speech.read(job.input("selected"), job.input("audio").parent).part(own)
        clean = {name: speech.samples(index) for index, name in enumerate(speech.utterance_ids)}
        texts = dict(zip(speech.utterance_ids, speech.texts, strict=True))
        listener = transfer.Listener(remote, decoder, clean, texts, certify=params.certify, channel=load_channel(job))
        paths = job.inputs("samples")
        for count, path in enumerate(paths, start=1):
            samples = parquet.read(path)
            rows += listener.transcripts(samples[samples["status"] == "sample"])
            job.progress(f"{count} of {len(paths)} attack jobs heard")
        table = transfer.as_table(rows, job.wildcards["remote"], remote.identity, params.arm)
    parquet.write(table, job.output("transcripts"))
    hits = [bool(row["hit"]) for row in rows if row["kind"] == "adversarial"]
    searched = sum(bool(row["searched"]) for row in rows)
    job.progress(f"{sum(hits)} of {len(hits)} samples transfer; {searched} of {len(rows)} hearings searched", last=True)


if __name__ == "__main__":
    run(main, globals()["snakemake"])
