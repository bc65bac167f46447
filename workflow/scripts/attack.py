"""Rule attack: a surrogate turns the selected utterances into samples for one target at one confidence."""

from asrtransfer.attacks import samples
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.files import parquet
from asrtransfer.machine import compute
from asrtransfer.speech.utterances import Speech
from job import Job, run
from models import load_surrogates


def main(job: Job) -> None:
    """Attack every selected utterance, and store the samples that reached the target."""
    attack = job.params.attack
    compute.prepare(job.params.device, job.params.threads)
    surrogates = load_surrogates(job)
    speech = Speech.read(job.input("selected"), job.input("audio").parent)
    phrases = list_phrases(job, speech)
    tasks = [Task(name, speech.samples(index), phrases[index]) for index, name in enumerate(speech.utterance_ids)]
    wildcards = job.wildcards
    seed = "/".join([*wildcards.values(), str(attack["seed"])])
    outcomes = run_attack(
        surrogates,
        tasks,
        attack["use"],
        attack["keys"],
        wildcards["confidence"],
        seed=seed,
        limit=job.time_limit,
        progress=job.tell_share,
    )
    kept = samples.capped(outcomes, attack["cap"], seed)
    names = wildcards | {"target_kind": attack["target_kind"]}
    parquet.write(samples.table(outcomes, kept, speech.texts, names), job.output("samples"))
    reached = sum(outcome.status == "sample" for outcome in outcomes)
    job.progress(f"{reached} of {len(outcomes)} utterances reached the target", last=True)


def list_phrases(job: Job, speech: Speech) -> list[str | None]:
    """The phrase for each utterance: the target's, or, for a near target, one each."""
    phrase = job.params.attack["phrase"]
    if phrase is not None:
        return [phrase] * len(speech)
    near = parquet.read(job.input("near_targets")).set_index("utterance_id")["phrase"]
    return [near[name] for name in speech.utterance_ids]


if __name__ == "__main__":
    run(main, globals()["snakemake"])
