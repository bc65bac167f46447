# Not part of the study itself: make study ARGS=calibrate
rule calibrate:
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
        units=study.network.units,
        device=study.device,
        threads=study.threads,
        # Seconds for each of the rates.
        budget=50,
        code=code("calibrate.py"),
    script:
        "../scripts/calibrate.py"
