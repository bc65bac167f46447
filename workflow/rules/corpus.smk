rule corpus:
    """Turn the configured corpus into audio and a table for each split."""
    input:
        told.list_manifests(study),
    output:
        train="<results>/corpus/train.parquet",
        dev="<results>/corpus/dev.parquet",
        test="<results>/corpus/test.parquet",
        audio=directory("<results>/corpus/audio"),
    log:
        "<results>/logs/corpus.log",
    benchmark:
        "<results>/benchmarks/corpus.tsv"
    cache: "corpus" in shared
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked("corpus"),
    params:
        corpus=told.describe_corpus(study),
        code=code("corpus.py", f"asrtransfer.corpora.{study.corpus.kind}"),
    script:
        "../scripts/corpus.py"


if "corpus" in shared:
    untimed("corpus")
