# Not part of the study itself: make study ARGS=plan
rule plan:
    """Say what the study will take: jobs, time, memory, disk."""
    log:
        "<results>/logs/plan.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        text=lambda wildcards: planned.describe(
            study, rates, queue=rates.queue if "gpu_partition" in site else 0
        ),
    script:
        "../scripts/show.py"


# Not part of the study itself: make study ARGS=power
rule power:
    """Say what the study's claims can decide at its size, and what larger studies take."""
    log:
        "<results>/logs/power.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        text=lambda wildcards: power.describe(study, rates, count_at_once(workflow)),
    script:
        "../scripts/show.py"


# Not part of the study itself: make study ARGS=keys
rule keys:
    """Say what the keys of the study's attacks and families are, and mean."""
    log:
        "<results>/logs/keys.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        text=lambda wildcards: document.describe_extensions(study),
    script:
        "../scripts/show.py"
