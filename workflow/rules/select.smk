rule hear:
    input:
        dev="<results>/corpus/dev.parquet",
        test="<results>/corpus/test.parquet",
        audio=ancient("<results>/corpus/audio"),
        weights="<results>/models/{model}/weights.safetensors",
        language_model=grid.language_model(study),
    output:
        transcripts="<results>/transcripts/clean/{model}.parquet",
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
        decoder=grid.decoder(study),
        device=study.device,
        threads=study.threads,
        code=code("hear.py"),
    script:
        "../scripts/hear.py"


# A checkpoint, so that what follows does not run again where other transcripts select the same utterances. It has
# the near targets of every model at every rank, a file each: an attack runs again where its own have changed, and a
# surrogate or rank that is added finds them made. (Snakemake misses that a checkpoint lacks some of its files.)
checkpoint select:
    input:
        test="<results>/corpus/test.parquet",
        transcripts=expand("<results>/transcripts/clean/{model}.parquet", model=study.models),
    output:
        selected="<results>/selected.parquet",
        near_targets=expand(
            "<results>/near-targets/{model}/rank-{rank}.parquet",
            model=study.models,
            rank=grid.RANKS,
        ),
    log:
        "<results>/logs/select.log",
    benchmark:
        "<results>/benchmarks/select.tsv"
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        models=study.models,
        ranks=grid.RANKS,
        utterances=study.selection.utterances,
        seed=study.selection.seed,
        code=code("select_utterances.py"),
    script:
        "../scripts/select_utterances.py"
