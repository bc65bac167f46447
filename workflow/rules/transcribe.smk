rule transcribe:
    input:
        selected=selected,
        samples=samples_of,
        audio=ancient("<results>/corpus/audio"),
        weights="<results>/models/{remote}/weights.safetensors",
        language_model=grid.language_model(study),
    output:
        transcripts="<results>/transcripts/{surrogate}/{remote}.parquet",
    log:
        "<results>/logs/transcribe/{surrogate}/{remote}.log",
    benchmark:
        "<results>/benchmarks/transcribe/{surrogate}/{remote}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("transcribe"),
    params:
        arm=lambda wildcards: grid.arm(wildcards.surrogate, wildcards.remote),
        decoder=grid.decoder(study),
        certify=study.decoder.certify,
        device=study.device,
        threads=study.threads,
        code=code("transcribe.py"),
    script:
        "../scripts/transcribe.py"
