# Not part of the study itself: make study ARGS=calibrate
rule calibrate:
    """Measure how fast this machine trains, attacks, listens and decodes, for the plan and for what jobs ask for."""
    output:
        rates="<results>/rates.json",
        details="<results>/calibration.json",
    log:
        "<results>/logs/calibrate.log",
    benchmark:
        "<results>/benchmarks/calibrate.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("calibrate"),
    params:
        use=told.name_use(study.family, study.families[study.family]),
        section=study.families[study.family].model_dump(exclude={"use"}),
        device=study.device,
        threads=study.threads,
        # Seconds for each of the rates.
        budget=50,
        code=code("calibrate.py", "asrtransfer.attacks.cw"),
    script:
        "../scripts/calibrate.py"
