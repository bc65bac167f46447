rule train:
    """Train one model; a job a model, from its checkpoint if there is one."""
    input:
        train="<results>/corpus/train.parquet",
        dev="<results>/corpus/dev.parquet",
        audio=ancient("<results>/corpus/audio"),
        donor=lambda wildcards: weights_of(told.list_donors(study, wildcards.model)),
    output:
        weights="<results>/models/{model}/weights.safetensors",
        epochs="<results>/models/{model}/epochs.safetensors",
        curve="<results>/models/{model}/curve.parquet",
        card="<results>/models/{model}/card.json",
    log:
        "<results>/logs/train/{model}.log",
    benchmark:
        "<results>/benchmarks/train/{model}.tsv"
    wildcard_constraints:
        model=names.TRAINED,
    cache: "train" in shared
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("train"),
    params:
        model=lambda wildcards: told.describe_training(study, wildcards.model),
        device=study.device,
        threads=study.threads,
        code=lambda wildcards: code(
            "train.py",
            *told.code_of_models(study, [wildcards.model]),
            *told.code_of_models(study, [wildcards.model], "trainer"),
        ),
    script:
        "../scripts/train.py"


if "train" in shared:
    untimed("train")


rule describe:
    """Write the card of a recogniser that is loaded, not trained: what it is, by its checksum."""
    input:
        files=files,
    output:
        card="<results>/models/{model}/card.json",
    log:
        "<results>/logs/describe/{model}.log",
    benchmark:
        "<results>/benchmarks/describe/{model}.tsv"
    wildcard_constraints:
        model=names.LOADED,
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("describe"),
    params:
        model=lambda wildcards: told.describe_recogniser(study, wildcards.model),
        family=lambda wildcards: study.parsed(wildcards.model).family,
        device=study.device,
        threads=study.threads,
        code=lambda wildcards: code("describe.py", *told.code_of_models(study, [wildcards.model])),
    script:
        "../scripts/describe.py"
