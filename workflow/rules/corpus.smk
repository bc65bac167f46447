rule corpus:
    output:
        train="<results>/corpus/train.parquet",
        dev="<results>/corpus/dev.parquet",
        test="<results>/corpus/test.parquet",
        audio=directory("<results>/corpus/audio"),
    log:
        "<results>/logs/corpus.log",
    benchmark:
        "<results>/benchmarks/corpus.tsv"
    conda:
        "../../envs/environment.yaml"
    params:
        corpus=study.corpus.model_dump(),
        code=code("corpus.py"),
    script:
        "../scripts/corpus.py"
