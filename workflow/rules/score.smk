# Of a study with a `scoring` section: word error rates with a language model, for the table of models.
rule language:
    output:
        language_model="<results>/language-model/words.arpa",
    log:
        "<results>/logs/language-model.log",
    benchmark:
        "<results>/benchmarks/language-model.tsv"
    conda:
        "../../envs/environment.yaml"
    resources:
        **asked("language"),
    params:
        **grid.language_model_source(study),
        code=code("language_model.py"),
    script:
        "../scripts/language_model.py"


rule tune:
    input:
        dev="<results>/corpus/dev.parquet",
        audio=ancient("<results>/corpus/audio"),
        weights=f"<results>/models/{study.models[0]}/weights.safetensors",
        language_model=scoring_model,
    output:
        weights="<results>/language-model/tuned.json",
    log:
        "<results>/logs/tune.log",
    benchmark:
        "<results>/benchmarks/tune.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("tune"),
    params:
        **grid.tuning(study),
        decoder=lambda wildcards, input: grid.scorer(study, input.language_model),
        device=study.device,
        threads=study.threads,
        code=code("tune.py"),
    script:
        "../scripts/tune.py"


rule score:
    input:
        dev="<results>/corpus/dev.parquet",
        test="<results>/corpus/test.parquet",
        audio=ancient("<results>/corpus/audio"),
        weights="<results>/models/{model}/weights.safetensors",
        language_model=scoring_model,
        tuned="<results>/language-model/tuned.json",
    output:
        transcripts="<results>/transcripts/language-model/{model}.parquet",
    log:
        "<results>/logs/score/{model}.log",
    benchmark:
        "<results>/benchmarks/score/{model}.tsv"
    conda:
        "../../envs/environment.yaml"
    threads: study.threads
    resources:
        **asked("score"),
    params:
        decoder=lambda wildcards, input: grid.scorer(study, input.language_model),
        device=study.device,
        threads=study.threads,
        code=code("score.py"),
    script:
        "../scripts/score.py"
