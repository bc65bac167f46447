rule hear:
    """Transcribe the clean dev and test splits; a job a model."""
    input:
        dev="<results>/corpus/dev.parquet",
        test="<results>/corpus/test.parquet",
        audio=ancient("<results>/corpus/audio"),
        weights=weights,
        files=files,
        language_model=told.list_language_models(study),
    output:
        transcripts="<results>/clean/{model}.parquet",
    log:
        "<results>/logs/hear/{model}.log",
    benchmark:
        "<results>/benchmarks/hear/{model}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("hear"),
    params:
        model=lambda wildcards: told.describe_recogniser(study, wildcards.model),
        decoder=told.describe_decoder(study),
        device=study.device,
        threads=study.threads,
        code=lambda wildcards: code(
            "hear.py", *told.code_of_models(study, [wildcards.model]), *decoding_code()
        ),
    script:
        "../scripts/hear.py"


# A checkpoint, so that what follows does not run again where other transcripts select the same utterances. It has
# the near targets of every voting model at every rank, and the truth with words changed, a file each: an attack runs again
# where its own have changed, and a surrogate or target that is added finds them made. (Snakemake misses that a checkpoint
# lacks some of its files.)
checkpoint select:
    """Draw the utterances to attack from those that every voting model hears right, and list their own targets."""
    input:
        test="<results>/corpus/test.parquet",
        transcripts=expand("<results>/clean/{model}.parquet", model=study.voting),
    output:
        selected="<results>/selected.parquet",
        near_targets=expand(
            "<results>/near-targets/{model}/rank-{rank}.parquet",
            model=study.voting,
            rank=names.RANKS,
        ),
        words=expand("<results>/words/words-{count}.parquet", count=names.WORDS),
    log:
        "<results>/logs/select.log",
    benchmark:
        "<results>/benchmarks/select.tsv"
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        models=study.voting,
        ranks=names.RANKS,
        words=names.WORDS,
        utterances=study.selection.utterances,
        seed=study.selection.seed,
        code=code("select_utterances.py"),
    script:
        "../scripts/select_utterances.py"
