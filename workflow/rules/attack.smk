rule attack:
    """Change the selected utterances until a surrogate hears them as a target; a job a surrogate, target and confidence."""
    input:
        selected=ancient(selected),
        own_targets=ancient(own_targets),
        audio=ancient("<results>/corpus/audio"),
        weights=lambda wildcards: weights_of(models_attacking(wildcards)),
        files=lambda wildcards: told.list_files(study, models_attacking(wildcards)),
    output:
        samples="<results>/attacks/{attack}/{surrogate}/{target}/{confidence}.parquet",
    log:
        "<results>/logs/attack/{attack}/{surrogate}/{target}/{confidence}.log",
    benchmark:
        "<results>/benchmarks/attack/{attack}/{surrogate}/{target}/{confidence}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("attack"),
    params:
        attack=lambda wildcards: told.describe_attack(study, designs.Job(**wildcards)),
        dealt=dealt_tasks,
        models=lambda wildcards: [
            told.describe_recogniser(study, model) for model in models_attacking(wildcards)
        ],
        judged=lambda wildcards: study.attacks[wildcards.attack].judge is not None,
        device=study.device,
        threads=study.threads,
        code=lambda wildcards: code(
            "attack.py",
            *told.code_of_attack(study, wildcards.attack),
            *told.code_of_models(study, models_attacking(wildcards)),
        ),
    script:
        "../scripts/attack.py"
