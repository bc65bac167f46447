rule train:
    input:
        train="<results>/corpus/train.parquet",
        dev="<results>/corpus/dev.parquet",
        audio=ancient("<results>/corpus/audio"),
    output:
        weights="<results>/models/{model}/weights.safetensors",
        epochs="<results>/models/{model}/epochs.safetensors",
        curve="<results>/models/{model}/curve.parquet",
        card="<results>/models/{model}/card.json",
    log:
        "<results>/logs/train/{model}.log",
    benchmark:
        "<results>/benchmarks/train/{model}.tsv"
    cache: "train" in shared
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("train"),
    params:
        initial=lambda wildcards: grid.initial(wildcards.model),
        network=study.network.model_dump(),
        recipe=study.training.model_dump(),
        kept_epochs=study.neighbours.epochs,
        device=study.device,
        threads=study.threads,
        code=code("train.py"),
    script:
        "../scripts/train.py"


if "train" in shared:
    untimed(workflow, "train")
