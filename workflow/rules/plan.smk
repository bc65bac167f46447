# Not part of the study itself: make study ARGS=plan
rule plan:
    log:
        "<results>/logs/plan.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        text=lambda wildcards: plan.describe(
            study, rates, queue=rates.queue if "gpu_partition" in site else 0
        ),
    script:
        "../scripts/show_plan.py"
