rule tables:
    """Count: what was attacked, heard and trained becomes tables."""
    input:
        # Which hearings run again is known once selection has: tables wait for it. Not by `selected`: Snakemake does not
        # look whether the parameters of a job have changed that asks a checkpoint.
        selected=ancient("<results>/selected.parquet"),
        attacks=expand("<results>/attacks/{job}.parquet", job=job_names()),
        transcripts=expand("<results>/transcripts/{hearing}.parquet", hearing=hearing_names()),
        clean=expand("<results>/clean/{model}.parquet", model=study.models),
        cards=cards(),
        scored=expand(
            "<results>/scored/{model}.parquet",
            model=told.list_scored(study),
        ),
    output:
        expand("<results>/tables/{table}.parquet", table=tabled.list_tables(study)),
        [
            report(
                f"<results>/tables/{name}.csv",
                caption="../report/table.rst",
                category="Tables",
                labels={"table": name},
            )
            for name in tabled.list_tables(study)
        ],
        configuration="<results>/configuration.json",
    log:
        "<results>/logs/tables.log",
    benchmark:
        "<results>/benchmarks/tables.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked("tables"),
    params:
        design=tabled.describe_design(study),
        configuration=tabled.describe_configuration(study),
        code=code("tables.py"),
    script:
        "../scripts/tables.py"


rule verdict:
    """Say the result in a dozen lines, if every positive control holds, and every check of the audit."""
    input:
        tables=expand("<results>/tables/{table}.parquet", table=tabled.list_tables(study)),
        audit="<results>/audit.parquet",
        # So that a run which the audit stops has the page that lists why.
        page="<results>/audit.html",
    output:
        verdict=report(
            "<results>/verdict.txt",
            caption="../report/verdict.rst",
            category="Report",
            labels={"what": "the verdict"},
        ),
    log:
        "<results>/logs/verdict.log",
    benchmark:
        "<results>/benchmarks/verdict.tsv"
    localrule: True
    conda:
        "../../envs/environment.yaml"
    params:
        design=tabled.describe_design(study),
        cost=lambda wildcards: planned.estimate_cost(study, rates),
        code=code("verdict.py"),
    script:
        "../scripts/verdict.py"


rule report:
    """Write the report: one file with claims, tables, figures and samples to hear; and the page of the audit."""
    input:
        tables=expand("<results>/tables/{table}.parquet", table=tabled.list_tables(study)),
        audit="<results>/audit.parquet",
        selected=selected,
        audio=ancient("<results>/corpus/audio"),
        attacks=expand("<results>/attacks/{job}.parquet", job=job_names()),
        transcripts=expand("<results>/transcripts/{hearing}.parquet", hearing=hearing_names()),
        curves=expand("<results>/models/{model}/curve.parquet", model=study.trained),
        cards=cards(),
    output:
        report=report(
            "<results>/report.html",
            caption="../report/report.rst",
            category="Report",
            labels={"what": "the whole report"},
        ),
        audit=report(
            "<results>/audit.html",
            caption="../report/audit.rst",
            category="Report",
            labels={"what": "the audit"},
        ),
    log:
        "<results>/logs/report.log",
    benchmark:
        "<results>/benchmarks/report.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked("report"),
    params:
        design=tabled.describe_design(study),
        gallery={"samples": 16, "megabytes": 8},
        rows=1000,
        templates=contents(
            REPOSITORY / "workflow/report",
            [
                "audit.html",
                "page.html",
                "frame.html",
                "figures.html",
                "sounds.html",
                "tables.html",
                "tiles.html",
                "style.css",
                "page.js",
            ],
        ),
        code=code("report.py"),
    script:
        "../scripts/report.py"
