rule transcribe:
    """Hear every sample of a surrogate, and the controls; a job a surrogate and remote."""
    input:
        selected=ancient(selected),
        samples=samples_heard,
        audio=ancient("<results>/corpus/audio"),
        weights=weights,
        files=files,
        language_model=told.list_language_models(study),
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
        dealt=dealt_utterances,
        arm=lambda wildcards: designs.relate(study, wildcards.surrogate, wildcards.remote),
        model=lambda wildcards: told.describe_recogniser(study, wildcards.remote),
        decoder=told.describe_decoder(study),
        certify=study.decoder.certify,
        device=study.device,
        threads=study.threads,
        code=lambda wildcards: code(
            "transcribe.py", *told.code_of_models(study, [wildcards.remote]), *decoding_code()
        ),
    script:
        "../scripts/transcribe.py"
