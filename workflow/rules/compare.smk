# Not part of the study itself: make study ARGS="compare --config compare='[results, results-digits]'"
rule compare:
    """Lay finished studies side by side: what differs in their configurations, verdicts, claims and figures."""
    output:
        page="comparison/comparison.html",
    log:
        "comparison/compare.log",
    localrule: True
    conda:
        "../../envs/environment.yaml"
    # The folders are no inputs: this configuration may not be theirs, and would run their studies again.
    params:
        folders=study.compare or [],
        found=lambda wildcards: compared.digest_results(study.compare or []),
        templates=contents(
            REPOSITORY / "workflow/report",
            ["compare.html", "frame.html", "figures.html", "tables.html", "style.css", "page.js"],
        ),
        code=code("compare.py"),
    script:
        "../scripts/compare.py"
