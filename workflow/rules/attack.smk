rule attack:
    input:
        selected=selected,
        near_targets=near_targets,
        audio=ancient("<results>/corpus/audio"),
        weights="<results>/models/{surrogate}/weights.safetensors",
    output:
        samples="<results>/attacks/{attack}/{surrogate}/{target}/{confidence}.parquet",
    log:
        "<results>/logs/attack/{attack}/{surrogate}/{target}/{confidence}.log",
    benchmark:
        "<results>/benchmarks/attack/{attack}/{surrogate}/{target}/{confidence}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("attack"),
    params:
        job=lambda wildcards: attack_params(wildcards),
        device=study.device,
        threads=study.threads,
        code=lambda wildcards: code("attack.py", f"asrtransfer.attacks.{wildcards.attack}"),
    script:
        "../scripts/attack.py"
