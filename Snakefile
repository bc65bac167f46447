# A corpus becomes models, models choose utterances, a surrogate turns utterances into adversarial samples,
# every remote transcribes the samples, and the transcripts become a verdict.


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# How many GPUs a machine has is its own matter: on a cluster, each job has a machine to itself.
resource_scopes:
    gpu="local",


include: "workflow/rules/common.smk"
include: "workflow/rules/corpus.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/score.smk"
include: "workflow/rules/select.smk"
include: "workflow/rules/attack.smk"
include: "workflow/rules/transcribe.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/neighbours.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/calibrate.smk"
include: "workflow/rules/compare.smk"


rule all:
    default_target: True
    input:
        "<results>/verdict.txt",
        "<results>/report.html",


onstart:
    check_gpus(workflow)
    end_orphans(log)
    print_plan(workflow, log)


onsuccess:
    slurm_run().unlink(missing_ok=True)
    print_verdict(workflow)
