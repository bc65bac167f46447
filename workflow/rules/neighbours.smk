rule neighbours:
    """Hear a surrogate's primary samples with models at growing distance from it; a job a surrogate."""
    input:
        dev="<results>/corpus/dev.parquet",
        audio=ancient("<results>/corpus/audio"),
        weights="<results>/models/{surrogate}/weights.safetensors",
        epochs="<results>/models/{surrogate}/epochs.safetensors",
        remote=lambda wildcards: weights_of([designs.find_stranger(study, wildcards.surrogate)])[0],
        samples=samples_of,
        language_model=told.list_language_models(study),
    output:
        transcripts="<results>/neighbours/{surrogate}.parquet",
    log:
        "<results>/logs/neighbours/{surrogate}.log",
    benchmark:
        "<results>/benchmarks/neighbours/{surrogate}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("neighbours"),
    params:
        model=lambda wildcards: told.describe_recogniser(study, wildcards.surrogate),
        remote=lambda wildcards: designs.find_stranger(study, wildcards.surrogate),
        epochs=study.neighbours.epochs,
        shares=study.neighbours.shares,
        decoder=told.describe_decoder(study),
        device=study.device,
        threads=study.threads,
        code=lambda wildcards: code(
            "neighbours.py",
            *told.code_of_models(study, [wildcards.surrogate]),
            *told.code_of_models(study, [wildcards.surrogate], "neighbours"),
            *decoding_code(),
        ),
    script:
        "../scripts/neighbours.py"


# Not part of the study itself: make study ARGS=transfer_curve
rule transfer_curve:
    """Draw transfer against the distance of the weights."""
    input:
        expand("<results>/neighbours/{surrogate}.parquet", surrogate=designs.list_curves(study)),
    output:
        table="<results>/tables/transfer-curve.csv",
        figure=report(
            "<results>/figures/transfer-curve.svg",
            caption="../report/transfer_curve.rst",
            category="Transfer curve",
        ),
    log:
        "<results>/logs/transfer-curve.log",
    benchmark:
        "<results>/benchmarks/transfer-curve.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked("transfer_curve"),
    params:
        level=study.statistics.confidence_level,
        code=code("transfer_curve.py"),
    script:
        "../scripts/transfer_curve.py"
