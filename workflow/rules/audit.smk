rule audit:
    """Check again, by code of its own, what each stage promised: the verdict is refused if anything does not hold."""
    input:
        configuration="<results>/configuration.json",
        tables=expand("<results>/tables/{table}.parquet", table=tabled.list_tables(study)),
        corpus=expand("<results>/corpus/{split}.parquet", split=["train", "dev", "test"]),
        audio=ancient("<results>/corpus/audio"),
        weights=weights_of(study.models),
        cards=cards(),
        clean=expand("<results>/clean/{model}.parquet", model=study.models),
        # The tables, which the audit follows, wait for selection.
        selected=ancient("<results>/selected.parquet"),
        attacks=expand("<results>/attacks/{job}.parquet", job=job_names()),
        transcripts=expand("<results>/transcripts/{hearing}.parquet", hearing=hearing_names()),
    output:
        table="<results>/audit.parquet",
    log:
        "<results>/logs/audit.log",
    benchmark:
        "<results>/benchmarks/audit.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked("audit"),
    params:
        code=code("audit.py"),
    script:
        "../scripts/audit.py"


rule proofread:
    """Hold verdict and report against tables and transcripts; the run fails if anything does not hold."""
    input:
        verdict="<results>/verdict.txt",
        report="<results>/report.html",
    output:
        table="<results>/proofread.parquet",
    log:
        "<results>/logs/proofread.log",
    benchmark:
        "<results>/benchmarks/proofread.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked("proofread"),
    params:
        code=code("proofread.py"),
    script:
        "../scripts/proofread.py"
