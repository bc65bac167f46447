"""Rule attack: a surrogate turns the selected utterances into samples for one target at one confidence."""

from asrtransfer.attacks import samples
from asrtransfer.attacks.run import run_attack
from asrtransfer.attacks.task import Task
from asrtransfer.files import parquet
from asrtransfer.machine import compute
from asrtransfer.speech.utterances import Speech
from job import Job, run
from models import load_attacked


def main(job: Job) -> None:
    """Attack the utterances of the job, and store the samples that reached the target."""
    attack = job.params.attack
    compute.prepare(job.params.device, job.params.threads)
    surrogates, judge = load_attacked(job)
    phrases = list_phrases(job)
    speech = Speech.read(job.input("selected"), job.input("audio").parent).part(phrases)
    tasks = [Task(name, speech.samples(index), phrases[name]) for index, name in enumerate(speech.utterance_ids)]
    wildcards = job.wildcards
    seed = "/".join([*wildcards.values(), str(attack["seed"])])
    outcomes = run_attack(
        surrogates,
        tasks,
        attack["use"],
        attack["keys"],
        seed=seed,
        judge=judge,
        limit=job.time_limit,
        progress=job.tell_share,
    )
    kept = samples.capped(outcomes, attack["cap"], seed)
    names = wildcards | {"target_kind": attack["target_kind"]}
    parquet.write(samples.table(outcomes, kept, speech.texts, names), job.output("samples"))
    reached = sum(outcome.status == "sample" for outcome in outcomes)
    job.progress(f"{reached} of {len(outcomes)} utterances reached the target", last=True)


def list_phrases(job: Job) -> dict[str, str | None]:
    """By utterance of the job, the phrase: the target's, or, for a near target, its own."""
    phrase = job.params.attack["phrase"]
    return {name: near if phrase is None else phrase for name, _, near in job.params.dealt}


if __name__ == "__main__":
    run(main, globals()["snakemake"])
