rule neighbours:
    input:
        dev="<results>/corpus/dev.parquet",
        audio=ancient("<results>/corpus/audio"),
        weights="<results>/models/{surrogate}/weights.safetensors",
        epochs="<results>/models/{surrogate}/epochs.safetensors",
        remote=lambda wildcards: f"{study.results}/models/{grid.stranger(study, wildcards.surrogate)}/weights.safetensors",
        samples=samples_of,
        language_model=grid.language_model(study),
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
        remote=lambda wildcards: grid.stranger(study, wildcards.surrogate),
        shares=study.neighbours.shares,
        decoder=grid.decoder(study),
        device=study.device,
        threads=study.threads,
        code=code("neighbours.py"),
    script:
        "../scripts/neighbours.py"


# Not part of the study itself: make study ARGS=transfer_curve
rule transfer_curve:
    input:
        expand("<results>/neighbours/{surrogate}.parquet", surrogate=study.attacked),
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
        code=code("draw_transfer_curve.py"),
    script:
        "../scripts/draw_transfer_curve.py"
