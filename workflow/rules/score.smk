# Of a study with a `scoring` section: word error rates with a language model, for the table of models.
rule language:
    """Download one of LibriSpeech's language models."""
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
        **told.describe_language_model(study),
        code=code("language.py"),
    script:
        "../scripts/language.py"


rule tune:
    """Find the language model's weights that give the lowest word error rate on dev."""
    input:
        dev="<results>/corpus/dev.parquet",
        audio=ancient("<results>/corpus/audio"),
        weights=weights_of(study.models[:1]),
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
        **told.describe_tuning(study),
        model=told.describe_recogniser(study, study.models[0]),
        decoder=lambda wildcards, input: told.describe_scorer(study, input.language_model),
        device=study.device,
        threads=study.threads,
        code=code("tune.py", *told.code_of_models(study, study.models[:1])),
    script:
        "../scripts/tune.py"


rule score:
    """Transcribe dev and test with the language model; a job a model."""
    input:
        dev="<results>/corpus/dev.parquet",
        test="<results>/corpus/test.parquet",
        audio=ancient("<results>/corpus/audio"),
        weights=weights,
        files=files,
        language_model=scoring_model,
        tuned="<results>/language-model/tuned.json",
    output:
        transcripts="<results>/scored/{model}.parquet",
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
        model=lambda wildcards: told.describe_recogniser(study, wildcards.model),
        decoder=lambda wildcards, input: told.describe_scorer(study, input.language_model),
        device=study.device,
        threads=study.threads,
        code=lambda wildcards: code("score.py", *told.code_of_models(study, [wildcards.model])),
    script:
        "../scripts/score.py"
