import os
import sys
from functools import cache
from pathlib import Path

SCRIPTS = Path(workflow.basedir) / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from asrtransfer.ctc import backends
from study import compared
from study import config as configuration
from study import designs, document, names, orphans
from study import params as told
from study import tables as tabled
from study.cost import plan as planned
from study.cost import rates as speeds
from study.cost import resources as needs
from study.cost import work
from study.fingerprint import contents, fingerprint

try:
    study = configuration.read(config)
    rates = speeds.read([Path(workflow.basedir, "config/rates.json"), Path(study.results, "rates.json")])
except configuration.ConfigError as error:
    sys.exit(f"configuration: {error}")
if not os.access(".", os.W_OK):
    sys.exit(
        f"{Path.cwd()}: cannot be written to; make it writable, or choose another folder with --directory"
    )


pathvars:
    results=study.results,


# Rules whose results other checkouts may take over; Snakemake refuses to time those.
shared = told.list_shareable(study) if "SNAKEMAKE_OUTPUT_CACHE" in os.environ else []


wildcard_constraints:
    model=names.MODEL,
    surrogate=names.SURROGATE,
    remote=names.MODEL,
    attack=names.NAME,
    target=names.TARGET,
    confidence="low|high",


# Once a run: a job started later has the code of then, and the next run shall see that it differs.
@cache
def code(script, *modules):
    """Digests of a script and the modules it reaches: what Snakemake does not track."""
    return fingerprint(SCRIPTS / script, SCRIPTS, modules, without=["job"])


def decoding_code():
    """The module of the decoder that the study uses."""
    return [backends.module(told.describe_decoder(study)["backend"])]


# A cluster's profile names its partitions and limits among the default resources.
site = {name: resource.raw for name, resource in workflow.resource_settings._parsed_default_resources.items()}


def asked(rule):
    """What the jobs of a rule ask for, on a cluster or of a machine whose --resources are limited."""

    def job(wildcards):
        return work.of(study, rates, rule, wildcards)

    limit = {} if study.time_limit is None else {"time_limit": f"{study.time_limit:g}"}
    return (
        needs.place(study, rule, site)
        | limit
        | {
            "mem_mb": lambda wildcards, attempt: needs.memory(job(wildcards), attempt),
            "runtime": lambda wildcards, attempt: needs.minutes(job(wildcards), attempt, site),
        }
    )


def untimed(workflow, rule):
    """Take the benchmark away from a rule."""
    workflow.get_rule(rule)._benchmark = None


def weights_of(models):
    """The weights of some models, of those that are trained."""
    return expand(
        "<results>/models/{model}/weights.safetensors",
        model=[name for name in models if name in study.trained],
    )


def weights(wildcards):
    """The weights of the model that listens, if it is trained."""
    return weights_of([wildcards.get("model") or wildcards.remote])


def files(wildcards):
    """The files that the model that listens reads, if it is loaded."""
    return told.list_files(study, [wildcards.get("model") or wildcards.remote])


def samples_of(wildcards):
    """Every attack table of a surrogate."""
    return expand(
        "<results>/attacks/{job.attack}/{job.surrogate}/{job.target}/{job.confidence}.parquet",
        job=designs.jobs_of(study, wildcards.surrogate),
    )


def selected(wildcards):
    return checkpoints.select.get().output.selected


def scoring_model(wildcards):
    """The language model that models are scored with: downloaded, or the user's."""
    if told.is_downloaded(study):
        return f"{study.results}/language-model/words.arpa"
    return study.scoring.language_model


def near_targets(wildcards):
    """The phrases of an attack on near targets, which are those of the surrogate's first model; none for a phrase."""
    if names.find_rank(wildcards.target) is None:
        return []
    first = names.split_surrogate(wildcards.surrogate)[0]
    return f"{study.results}/near-targets/{first}/{wildcards.target}.parquet"


def job_names():
    """Every attack job, as its files are named."""
    return [f"{job.attack}/{job.surrogate}/{job.target}/{job.confidence}" for job in designs.list_jobs(study)]


def hearing_names():
    """Every surrogate and remote, as their files are named."""
    return ["/".join(pair) for pair in designs.list_hearings(study)]


def slurm_run():
    """Where a run that submits jobs to Slurm leaves their name."""
    return Path(".snakemake/slurm-runs", f"{study.results}.run")


def end_orphans(log):
    """Make sure that no job of a killed run writes into the results beside this one."""
    try:
        orphans.end_earlier(slurm_run(), orphans.run_id(map(Path, log)), say)
    except orphans.Unending as error:
        sys.exit(str(error))


def say(line):
    print(line, file=sys.stderr, flush=True)


def check_gpus(workflow):
    """Make sure that a training has its GPUs: where --resources allows fewer, Snakemake lowers what a job asks for."""
    wanted = needs.count_gpus(study, "train")
    for job in workflow.dag.needrun_jobs():
        if job.rule.name == "train" and job.resources.gpu < wanted:
            sys.exit(
                f"training.gpus: {wanted}, and Snakemake grants {job.resources.gpu}; add --resources gpu={wanted}"
            )


def print_plan(workflow, log):
    """Show what will run before anything is submitted to Slurm."""
    if orphans.run_id(map(Path, log)):
        wanted = {
            " ".join([job.rule.name, *job.wildcards_dict.values()]) for job in workflow.dag.needrun_jobs()
        }
        say(planned.describe(study, rates, wanted, rates.queue))


def print_verdict(workflow):
    """Show the verdict at the end of a run that was asked for it."""
    if any(job.rule.name == "verdict" for job in workflow.dag.jobs):
        print(Path(study.results, "verdict.txt").read_text(), end="", file=sys.stderr)
