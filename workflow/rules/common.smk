import gc
import logging
import os
import sys
from functools import cache
from pathlib import Path

from asrtransfer.ctc import backends
from asrtransfer.files.errors import InputError
from asrtransfer.files.parquet import read as read_parquet
from snakemake.exceptions import IncompleteCheckpointException
from snakemake.logging import logger
from study import compared
from study import config as configuration
from study import attempts, designs, document, names, orphans, patience, power, progress, records
from study import params as told
from study import tables as tabled
from study.cost import plan as planned
from study.cost import rates as speeds
from study.cost import resources as needs
from study.cost import work
from study.fingerprint import Fingerprints, contents

# What has been imported lives as long as Snakemake: the collector need not look through it again and again.
gc.freeze()

attempts.note_attempt(os.environ)

try:
    study = configuration.read(config)
except configuration.ConfigError as error:
    sys.exit(f"configuration: {error}")


pathvars:
    results=study.results,


# A workflow that imports this one may put a folder before the results, and give the rules other names.
imported = workflow.modifier
RESULTS = Path(imported.modify_path(workflow.pathvars.apply("<results>")))
if workflow.is_main_process:
    # A log that cannot be written is no reason for a traceback a line.
    logging.raiseExceptions = False
    if unwritable := records.find_unwritable(Path.cwd(), RESULTS):
        sys.exit(
            f"{unwritable}: cannot be written to; make it writable, or choose another folder with --directory"
        )
    try:
        records.check_room(Path())
    except OSError as error:
        sys.exit(f"{Path.cwd()}: {error.strerror}; make room and run again: what is finished is kept")
    records.date_back(RESULTS)

try:
    rates = speeds.read([REPOSITORY / "config/rates.json", RESULTS / "rates.json"])
except configuration.ConfigError as error:
    sys.exit(f"configuration: {error}")


# Rules whose results other checkouts may take over; Snakemake refuses to time those.
shared = told.list_shareable(study) if "SNAKEMAKE_OUTPUT_CACHE" in os.environ else []


wildcard_constraints:
    model=names.MODEL,
    surrogate=names.SURROGATE,
    remote=names.MODEL,
    attack=names.NAME,
    target=names.TARGET,
    confidence=names.NAME,


fingerprints = Fingerprints(SCRIPTS, kept=Path(".snakemake/sources"))


# Once a run: a job started later has the code of then, and the next run shall see that it differs.
@cache
def code(script, *modules):
    """Digests of a script and the modules it reaches: what Snakemake does not track."""
    return fingerprints.of(SCRIPTS / script, modules, without=["job"])


def decoding_code():
    """The module of the decoder that the study uses."""
    return [backends.module(told.describe_decoder(study)["backend"])]


# A cluster's profile names its partitions and limits among the default resources.
site = {name: resource.raw for name, resource in workflow.resource_settings._parsed_default_resources.items()}


@cache
def estimate(rule, wildcards):
    """The work of a job, whose wildcards are pairs of name and value: each of its resources asks."""
    return work.of(study, rates, rule, dict(wildcards))


def asked(rule):
    """What the jobs of a rule ask for, on a cluster or of a machine whose --resources are limited."""

    def job(wildcards):
        return estimate(rule, tuple(wildcards.items()))

    limit = {} if study.time_limit is None else {"time_limit": f"{study.time_limit:g}"}
    return (
        needs.place(study, rule, site)
        | limit
        | {
            "mem_mb": lambda wildcards, attempt: needs.memory(job(wildcards), attempt),
            "runtime": lambda wildcards, attempt: needs.minutes(job(wildcards), attempt, site),
        }
    )


def untimed(rule):
    """Take the benchmark away from a rule."""
    getattr(rules, rule).rule._benchmark = None


def weights_of(models):
    """The weights of some models, of those that are trained."""
    parsed = map(study.parsed, models)
    return expand(
        "<results>/models/{model}/weights.safetensors",
        model=[model.source for model in parsed if model.seed is not None],
    )


def cards():
    """The card of every model: through a channel, that of the model that hears."""
    return expand(
        "<results>/models/{model}/card.json",
        model=[study.parsed(name).source for name in study.models],
    )


def weights(wildcards):
    """The weights of the model that listens, if it is trained."""
    return weights_of([wildcards.get("model") or wildcards.remote])


def files(wildcards):
    """The files that the model that listens reads, if it is loaded."""
    return told.list_files(study, [wildcards.get("model") or wildcards.remote])


def models_attacking(wildcards):
    """The models that an attack job runs."""
    return designs.list_models(study, wildcards.attack, wildcards.surrogate)


def samples_of(wildcards):
    """Every attack table of a surrogate."""
    jobs = designs.jobs_of(study, wildcards.surrogate)
    return expand("<results>/attacks/{job}.parquet", job=map(name_attack, jobs))


def samples_heard(wildcards):
    """Every attack table of a surrogate whose samples the remote hears."""
    jobs = designs.jobs_heard(study, wildcards.surrogate, wildcards.remote)
    return expand("<results>/attacks/{job}.parquet", job=map(name_attack, jobs))


@cache
def find_selected(made):
    """What the checkpoint answers when this number of its files is made: to ask expands the name of each of them."""
    try:
        return checkpoints.select.get().output.selected
    except IncompleteCheckpointException as error:
        return error


def selected(wildcards):
    """The table of selected utterances; before the checkpoint has run, Snakemake learns that it waits for it."""
    found = find_selected(len(checkpoints.created_output))
    if isinstance(found, Exception):
        raise found.with_traceback(None)
    return found


@cache
def read_once(path, changed):
    """A table, read again only when the file has changed."""
    try:
        return read_parquet(Path(path))
    except InputError as error:
        sys.exit(f"error: {error}")


def read_selected(wildcards):
    """Each selected utterance, and the checksum of its audio."""
    path = str(selected(wildcards))
    table = read_once(path, os.stat(path).st_mtime_ns)
    checksums = table["sha256"] if "sha256" in table else [None] * len(table)
    return list(zip(table["utterance_id"], checksums))


def read_own_targets(wildcards):
    """By utterance, its own phrase; none where one phrase is for all."""
    if names.find_kind(wildcards.target) == "phrase":
        return {}
    path = RESULTS / own_targets(wildcards).removeprefix("<results>/")
    table = read_once(path, os.stat(path).st_mtime_ns)
    return dict(zip(table["utterance_id"], table["phrase"]))


# Parameters that name their job's utterances do not ask for `input`: Snakemake reruns no job for one that does.
def dealt_tasks(wildcards):
    """The utterances of an attack job; what else is selected does not rerun it."""
    chosen = read_selected(wildcards)
    return told.describe_tasks(study, designs.Job(**wildcards), chosen, read_own_targets(wildcards))


def dealt_utterances(wildcards):
    """The utterances of a surrogate; what else is selected does not rerun the hearing of its samples."""
    return told.describe_heard(study, wildcards.surrogate, read_selected(wildcards))


def scoring_model(wildcards):
    """The language model that models are scored with: downloaded, or the user's."""
    if told.is_downloaded(study):
        return "<results>/language-model/words.arpa"
    return study.scoring.language_model


def own_targets(wildcards):
    """The file of an attack's phrases where each utterance has its own: near targets are those of the surrogate's first
    model."""
    kind = names.find_kind(wildcards.target)
    if kind == "phrase":
        return []
    if kind == "words":
        return f"<results>/words/{wildcards.target}.parquet"
    first = names.split_surrogate(wildcards.surrogate)[0]
    return f"<results>/near-targets/{first}/{wildcards.target}.parquet"


def name_attack(job):
    """An attack job, as its file is named."""
    return f"{job.attack}/{job.surrogate}/{job.target}/{job.confidence}"


def job_names():
    """Every attack job, as its files are named."""
    return [name_attack(job) for job in designs.list_jobs(study)]


def hearing_names():
    """Every surrogate and remote, as their files are named."""
    return ["/".join(pair) for pair in designs.list_hearings(study)]


def slurm_run():
    """Where a run that submits jobs to Slurm leaves their name."""
    return Path(".snakemake/slurm-runs", f"{RESULTS}.run")


def end_orphans(log):
    """Make sure that no job of a killed run writes into the results beside this one."""
    try:
        orphans.end_earlier(slurm_run(), orphans.run_id(map(Path, log)), say)
    except orphans.Unending as error:
        sys.exit(str(error))


def be_patient(log):
    """Wait where Slurm is busy."""
    if orphans.run_id(map(Path, log)):
        patience.be_patient(sys.modules["snakemake_executor_plugin_slurm"].Executor, say)


def end_own_jobs(log):
    """Leave no job in Slurm's queue."""
    orphans.end_own(slurm_run(), orphans.run_id(map(Path, log)), say)


def say(line):
    print(line, file=sys.stderr, flush=True)


def check_gpus(workflow):
    """Make sure that a training has its GPUs: where --resources allows fewer, Snakemake lowers what a job asks for."""
    wanted = needs.count_gpus(study, "train")
    for job in workflow.dag.needrun_jobs():
        if job.rule.name == imported.modify_rulename("train") and job.resources.gpu < wanted:
            sys.exit(
                f"training.gpus: {wanted}, and Snakemake grants {job.resources.gpu}; add --resources gpu={wanted}"
            )


reporter = progress.Reporter(logger)


def list_pending(workflow):
    """The jobs that are still to run and whose work is known, each with those that it waits for."""
    # An importing workflow may give the rules other names.
    own = {imported.modify_rulename(rule): rule for rule in work.RULES}
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule.name in own]
    name_of = {job: planned.name_job(job.rule.name, job.wildcards_dict) for job in jobs}
    place = {rule: number for number, rule in enumerate(own)}
    return {
        name_of[job]: planned.Job(
            own[job.rule.name],
            work.of(study, rates, own[job.rule.name], job.wildcards_dict),
            tuple(name_of[other] for other in workflow.dag.dependencies[job] if other in name_of),
        )
        for job in sorted(jobs, key=lambda job: (place[job.rule.name], name_of[job]))
    }


def limits(**capacity):
    """What there is of each resource that has a limit; none has where files are only touched."""
    return {name: most for name, most in capacity.items() if most is not None}


def count_at_once(workflow):
    """How many jobs that run a network this run has at a time; one if it sets no limit."""
    if not workflow.local_exec:
        return workflow.nodes or 1
    if study.device == "cuda":
        gpus = workflow.global_resources.get("gpu")
        return gpus.value if gpus is not None and gpus.value else 1
    return max(1, (workflow.resource_settings.cores or 1) // study.threads)


def start_progress(workflow):
    """Say what will run here and how long it takes, and from then on how far it is."""
    pending = list_pending(workflow)
    if not pending:
        return
    if workflow.local_exec:
        gpus = workflow.global_resources.get("gpu")
        capacity = limits(cores=workflow.cores, gpus=None if gpus is None else gpus.value)
        run = progress.Progress(pending, lambda job: progress.hold_locally(study, job), capacity)
        reporter.say(progress.describe_start(study, rates, pending, run.seconds_left(now=0), workflow.cores))
    else:
        # What a job waits for in the cluster's queue is part of what it takes.
        run = progress.Progress(pending, lambda job: {"jobs": 1}, limits(jobs=workflow.nodes), rates.queue)
    reporter.follow(run, lambda: list_pending(workflow))


def print_plan(workflow, log):
    """Show what will run before anything is submitted to Slurm."""
    if orphans.run_id(map(Path, log)):
        own = {imported.modify_rulename(job.rule): job.rule for job in planned.jobs(study, rates).values()}
        wanted = {
            planned.name_job(own[job.rule.name], job.wildcards_dict)
            for job in workflow.dag.needrun_jobs()
            if job.rule.name in own
        }
        say(planned.describe(study, rates, wanted, rates.queue))


def print_verdict(workflow):
    """Show the verdict, and where the report is, at the end of a run that was asked for them."""
    made = {job.rule.name for job in workflow.dag.jobs}
    if imported.modify_rulename("verdict") in made:
        print((RESULTS / "verdict.txt").read_text(), end="", file=sys.stderr)
    if imported.modify_rulename("report") in made:
        page = progress.link(RESULTS / "report.html", sys.stderr)
        print(f"{progress.PREFIX}report: {page}", file=sys.stderr, flush=True)
