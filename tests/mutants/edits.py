"""Small wrong edits of every stage, of the kind that people make."""

from __future__ import annotations

from typing import NamedTuple

LIBRARY = "workflow/scripts/asrtransfer"
CORPUS = f"{LIBRARY}/corpora/synthetic.py"
TRAINER = f"{LIBRARY}/recognisers/deepspeech/trainer.py"
TRAINING = f"{LIBRARY}/recognisers/deepspeech/training.py"
FRONT_END = f"{LIBRARY}/recognisers/deepspeech/front_end.py"
HEAR = "workflow/scripts/hear.py"
SELECTION = f"{LIBRARY}/hearing/selection.py"
SELECT = "workflow/scripts/select_utterances.py"
ATTACK = "workflow/scripts/attack.py"
OBJECTIVE = f"{LIBRARY}/attacks/objective.py"
SAMPLES = f"{LIBRARY}/attacks/samples.py"
BATCH = f"{LIBRARY}/attacks/batch.py"
TRANSFER = f"{LIBRARY}/hearing/transfer.py"
TRANSCRIBE = "workflow/scripts/transcribe.py"
CONTROLS = f"{LIBRARY}/hearing/controls.py"
COUNTING = f"{LIBRARY}/tables/counting.py"
TRANSFERS = f"{LIBRARY}/tables/transfers.py"


class Mutant(NamedTuple):
    """An edit.

    Attributes:
        stage: whose code it is.
        file: that it edits.
        old: text that is there once.
        new: what takes its place.
    """

    stage: str
    file: str
    old: str
    new: str


MUTANTS: dict[str, Mutant] = {
    # corpus
    "test says sentences of train": Mutant(
        "corpus", CORPUS, "text = pools[split][number % len(pools[split])]", "text = pools['train'][number]"
    ),
    "a text is that of the next recording": Mutant(
        "corpus",
        CORPUS,
        "utterances.append(Utterance(name, split, voice.speaker, path, lasts, text, digest))",
        "utterances.append(Utterance(name, split, voice.speaker, path, lasts, pools[split][number + 1], digest))",
    ),
    "seconds are milliseconds": Mutant(
        "corpus", CORPUS, "lasts = len(samples) / audio.SAMPLE_RATE", "lasts = 1000 * len(samples) / audio.SAMPLE_RATE"
    ),
    "seconds at half the rate": Mutant(
        "corpus", CORPUS, "lasts = len(samples) / audio.SAMPLE_RATE", "lasts = len(samples) / 8000"
    ),
    "texts in capitals": Mutant(
        "corpus",
        f"{LIBRARY}/corpora/__init__.py",
        "columns = [[getattr(row, name) for row in chosen] for name in _SCHEMA.names]",
        "columns = [[getattr(row, name).upper() if name == 'text' else getattr(row, name) for row in chosen]"
        " for name in _SCHEMA.names]",
    ),
    "checksums of other files": Mutant(
        "corpus",
        CORPUS,
        "digest = audio.write_flac(folder / path, samples)",
        "digest = audio.write_flac(folder / path, samples[::-1]) and audio.write_flac(folder / path, samples) + ''"
        " if number else '0' * 64",
    ),
    # training
    "all seeds start alike": Mutant("training", TRAINER, "network.initialise(job.seed)", "network.initialise(0)"),
    "one ulp is none": Mutant("training", TRAINER, "network.nudge(job.which)", "network.nudge"),
    "a twin has another start": Mutant(
        "training",
        TRAINER,
        "network.initialise(job.seed)",
        "network.initialise(job.seed + (job.arm == 'twin'))",
    ),
    "models train on dev": Mutant(
        "training", TRAINER, "speech = Speech.read(job.train)", "speech = Speech.read(job.dev)"
    ),
    "models train on the first half": Mutant(
        "training",
        TRAINER,
        "        return speech\n    seed = job",
        "        return speech.part(set(speech.utterance_ids[::2]))\n    seed = job",
    ),
    "the weights that are stored are those of the start": Mutant(
        "training",
        TRAINER,
        "    save_weights(network, job.weights)\n",
        "    save_weights(_initialise(job), job.weights)\n",
    ),
    "the card has the weights of the start": Mutant(
        "training", TRAINER, '"weights_sha256": weight_hash(network),', '"weights_sha256": start,'
    ),
    "the card has the first epoch's error": Mutant(
        "training", TRAINER, '"dev_wer_greedy": curve[-1].dev_wer,', '"dev_wer_greedy": curve[0].dev_wer,'
    ),
    "the error rate is in percent": Mutant("training", TRAINING, "dev_wer=dev_wer,", "dev_wer=100 * dev_wer,"),
    "the front end lacks pre-emphasis": Mutant(
        "training", FRONT_END, "audio[:, 1:] - PRE_EMPHASIS * audio[:, :-1]", "audio[:, 1:]"
    ),
    "the front end has a periodic window": Mutant(
        "training",
        FRONT_END,
        "torch.hamming_window(WINDOW, periodic=False",
        "torch.hamming_window(WINDOW, periodic=True",
    ),
    # hearing of clean speech
    "dev is called test": Mutant("hearing", HEAR, "Speech.read(job.input(split))", 'Speech.read(job.input("dev"))'),
    "transcripts stand one row off": Mutant(
        "hearing",
        HEAR,
        "parts.append(tabulate(speech, heard, split))",
        "parts.append(tabulate(speech, heard[1:] + heard[:1], split))",
    ),
    "greedy texts are those of another split's order": Mutant(
        "hearing",
        HEAR,
        "greedy=pd.Series([one.greedy for one in heard]),",
        "greedy=pd.Series([one.greedy for one in reversed(heard)]),",
    ),
    # selection
    "what a model hears wrong is selected": Mutant(
        "selection", SELECTION, "len(texts) > 0 and texts[0] == row.text", "len(texts) > 0 and texts[0] != row.text"
    ),
    "one model's vote suffices": Mutant(
        "selection", SELECTION, "common = set.intersection(*right.values())", "common = set.union(*right.values())"
    ),
    "one utterance too many": Mutant("selection", SELECTION, "digest())[:count]", "digest())[: count + 1]"),
    "the draw has no seed": Mutant(
        "selection", SELECTION, 'hashlib.sha256(f"{seed}\\0{name}".encode())', "hashlib.sha256(name.encode())"
    ),
    "the longest come first": Mutant(
        "selection",
        SELECTION,
        'sort_values(["seconds", "utterance_id"])',
        'sort_values(["seconds", "utterance_id"], ascending=False)',
    ),
    "near targets are one rank off": Mutant("selection", SELECTION, "texts[name][rank - 1]", "texts[name][rank - 2]"),
    "near targets are another model's": Mutant(
        "selection", SELECT, "heard[model], [rank]", "heard[params.models[1]], [rank]"
    ),
    # attacks
    "PGD's radius is eight times as large": Mutant(
        "attacks", f"{LIBRARY}/attacks/pgd/__init__.py", "self.radius = keys.bound *", "self.radius = 8 * keys.bound *"
    ),
    "PGD does not project": Mutant(
        "attacks",
        f"{LIBRARY}/attacks/pgd/__init__.py",
        "inside = self.delta.clamp(-self.radius[:, None], self.radius[:, None])",
        "inside = self.delta.clone()",
    ),
    "C&W's bound is that of floats": Mutant(
        "attacks",
        f"{LIBRARY}/attacks/cw/__init__.py",
        "return self.delta.clamp(-self.keys.bound, self.keys.bound)",
        "return self.delta.clamp(-32768, 32768)",
    ),
    "the bound of stored audio is not kept": Mutant(
        "attacks",
        OBJECTIVE,
        "rounded = torch.clamp(perturbation.round(), -whole, whole)",
        "rounded = 2 * perturbation.round()",
    ),
    "every test is a success": Mutant(
        "attacks",
        OBJECTIVE,
        "if exceeds(loss, threshold) and decoding.is_top(log_probs[row], int(counts[row]), texts[row])",
        "if True",
    ),
    "the threshold is not looked at": Mutant(
        "attacks",
        OBJECTIVE,
        "return threshold is None or math.exp(-loss) > threshold",
        "return True",
    ),
    "what is stored is a sample late": Mutant(
        "attacks",
        OBJECTIVE,
        'row[:length].to("cpu", torch.int16).numpy().copy()',
        'np.roll(row[:length].to("cpu", torch.int16).numpy(), 1)',
    ),
    "the SNR is one of amplitudes": Mutant(
        "attacks", SAMPLES, '"snr_db": 10 * math.log10(', '"snr_db": 20 * math.log10('
    ),
    "the SNR has the wrong sign": Mutant(
        "attacks", SAMPLES, '"snr_db": 10 * math.log10(', '"snr_db": -10 * math.log10('
    ),
    "the largest change is only the positive one": Mutant(
        "attacks", SAMPLES, "linf = float(np.abs(perturbation).max())", "linf = float(perturbation.max())"
    ),
    "confidence has the wrong sign": Mutant(
        "attacks", SAMPLES, '"k1": min(1.0, math.exp(-sample.loss)),', '"k1": min(1.0, math.exp(sample.loss)),'
    ),
    "K2 divides by words": Mutant(
        "attacks", SAMPLES, "max(1, len(outcome.task.phrase))", "max(1, len(outcome.task.phrase.split()))"
    ),
    "seconds of eight kilohertz": Mutant(
        "attacks", SAMPLES, "len(outcome.task.audio) / 16000", "len(outcome.task.audio) / 8000"
    ),
    "the first sample is the primary one": Mutant(
        "attacks", SAMPLES, '"primary": sample is samples[-1]', '"primary": sample is samples[0]'
    ),
    "failures are dropped": Mutant(
        "attacks",
        SAMPLES,
        "        if not samples:\n            rows.append(row)\n            continue",
        "        if len(samples) < 2:\n            continue",
    ),
    "one sample too many is kept": Mutant("attacks", BATCH, "[-self.goal.keep :]", "[-self.goal.keep - 1 :]"),
    "phrases are those of the next utterance": Mutant(
        "attacks",
        ATTACK,
        "tasks = [Task(name, speech.samples(index), phrases[name])",
        "tasks = [Task(name, speech.samples(index), phrases[speech.utterance_ids[index - 1]])",
    ),
    "texts are those of the next utterance": Mutant(
        "attacks",
        ATTACK,
        "samples.table(outcomes, kept, speech.texts, names)",
        "samples.table(outcomes, kept, speech.texts[::-1], names)",
    ),
    "another model is attacked": Mutant(
        "attacks",
        "workflow/rules/attack.smk",
        "weights=lambda wildcards: weights_of(models_attacking(wildcards)),",
        'weights=lambda wildcards: weights_of(["seed-2"]),',
    ),
    "low confidence has the keys of high": Mutant(
        "attacks",
        "workflow/scripts/study/params.py",
        "keys = attack.at(job.confidence).model_dump(exclude=OF_THE_JOBS)",
        "keys = attack.model_dump(exclude=OF_THE_JOBS)",
    ),
    # transcription
    "the surrogate's weights listen": Mutant(
        "transcription",
        "workflow/rules/transcribe.smk",
        "weights=weights,",
        "weights=lambda wildcards: weights_of([wildcards.surrogate]),",
    ),
    "clean audio is heard for the sample": Mutant(
        "transcription", TRANSFER, "audio.append(self.channel(heard))", 'audio.append(self.clean[row["utterance_id"]])'
    ),
    "only primary samples are heard": Mutant(
        "transcription",
        TRANSCRIBE,
        'samples[samples["status"] == "sample"]',
        'samples[(samples["status"] == "sample") & samples["primary"]]',
    ),
    "a perturbation stays on its utterance": Mutant(
        "transcription", TRANSFER, "names[(names.index(name) + 1) % len(names)]", "names[names.index(name)]"
    ),
    "shuffled is in order": Mutant("transcription", CONTROLS, "random.permutation(perturbation)", "perturbation"),
    "noise has half the norm": Mutant(
        "transcription",
        CONTROLS,
        "np.linalg.norm(perturbation) / np.linalg.norm(noise)",
        "np.linalg.norm(perturbation) / 2 / np.linalg.norm(noise)",
    ),
    "controls share one seed": Mutant(
        "transcription", CONTROLS, 'numpy_stream(f"{seed}\\0{kind}")', 'numpy_stream("0")'
    ),
    "a rank counts from zero": Mutant(
        "transcription", f"{LIBRARY}/hearing/hear.py", "list(texts).index(phrase) + 1", "list(texts).index(phrase)"
    ),
    "any of ten texts is a hit": Mutant(
        "transcription", TRANSFER, '"hit": known and top == phrase,', '"hit": phrase in hearing.texts,'
    ),
    "losses of clean audio": Mutant(
        "transcription", TRANSFER, '"ctc_loss": hearing.loss,', '"ctc_loss": row["ctc_loss_clean"],'
    ),
    "distances to target and truth are swapped": Mutant(
        "transcription",
        TRANSFER,
        '"cer_target": error_rates.character_errors(phrase, top)',
        '"cer_target": error_rates.character_errors(text, top)',
    ),
    "one ulp is called another seed": Mutant(
        "transcription",
        "workflow/scripts/study/names.py",
        'return arms[0] if arms else "twin"',
        'return "seed" if arms else "twin"',
    ),
    # tables, claims, verdict, report
    "all samples count as primary ones": Mutant(
        "tables", COUNTING, 'yield "primary", rows[rows["primary"]]', 'yield "primary", rows'
    ),
    "an utterance hits if all its hearings do": Mutant(
        "tables",
        COUNTING,
        "len(np.unique(units[rows[outcome].to_numpy(dtype=bool)]))",
        "len(np.setdiff1d(units, units[~rows[outcome].to_numpy(dtype=bool)]))",
    ),
    "hearings are counted for utterances": Mutant(
        "tables", COUNTING, '"utterance": ["utterance_id"],', '"utterance": [*SAMPLE, "remote"],'
    ),
    "pairs are surrogates": Mutant("tables", COUNTING, '"pair": ["surrogate", "remote"],', '"pair": ["surrogate"],'),
    "intervals have one side's level": Mutant(
        "tables", f"{LIBRARY}/statistics/bounds.py", "alpha=1 - level, method", "alpha=2 * (1 - level), method"
    ),
    "the rule of three, rounded": Mutant(
        "tables",
        f"{LIBRARY}/statistics/bounds.py",
        "return float(upper if hits == 0 else lower)",
        "return min(1.0, 3 / units) if hits == 0 else 1 - min(1.0, 3 / units)",
    ),
    "shares of samples": Mutant(
        "tables",
        TRANSFERS,
        '"share": counting.share(hits, hearings),\n        **counting.limits(hits, hearings, settings, "hearing_"),',
        '"share": counting.share(hits, samples),\n        **counting.limits(hits, hearings, settings, "hearing_"),',
    ),
    "clean speech of near targets is the sample": Mutant(
        "tables",
        f"{LIBRARY}/tables/phrases.py",
        'clean = one[one["kind"] == "clean"]',
        'clean = one[one["kind"] == "adversarial"]',
    ),
    "p of one side": Mutant(
        "tables",
        f"{LIBRARY}/statistics/paired.py",
        "exact=True).pvalue)",
        "exact=True).pvalue) / 2",
    ),
    "means are called medians": Mutant("tables", f"{LIBRARY}/tables/attempts.py", "medians.median()", "medians.mean()"),
    "error rates are means of utterances": Mutant(
        "tables",
        f"{LIBRARY}/text/error_rates.py",
        "return total(map(word_errors, *_pair(reference, hypothesis))).rate",
        "rates = [one.rate for one in map(word_errors, *_pair(reference, hypothesis))]\n"
        "    return sum(rates) / len(rates)",
    ),
    "every claim is supported": Mutant(
        "claims",
        f"{LIBRARY}/tables/claims.py",
        "if hits == 0 and bound is not None and bound < settings.margin:",
        "if hits == 0:",
    ),
    "shares are equal at any size": Mutant(
        "claims", f"{LIBRARY}/tables/claims.py", "if bound < settings.margin else", "if bound < 1 else"
    ),
    "the verdict counts pairs for utterances": Mutant(
        "verdict",
        f"{LIBRARY}/report/verdict.py",
        "{_write_units(arm.utterances, 'utterance')}, {_write_units(arm.pairs, 'model pair')}",
        "{_write_units(arm.pairs, 'utterance')}, {_write_units(arm.utterances, 'model pair')}",
    ),
    "the report shows rows in another order": Mutant(
        "report",
        f"{LIBRARY}/report/tables.py",
        "frame.head(most if most is not None else len(frame))",
        "frame[::-1].head(most if most is not None else len(frame))",
    ),
    "the report rounds what it stores": Mutant(
        "report", f"{LIBRARY}/report/tables.py", "repr(float(value)))", 'f"{value:.3f}")'
    ),
}
SURVIVORS: dict[str, str] = {
    "PGD does not project": "what is stored is clamped to the bound again, and success is tested on what is stored",
    "C&W's bound is that of floats": "as above: the attack searches beyond its bound, and keeps nothing from there",
    "the largest change is only the positive one": "samples of the smoke study go as far up as down",
    "an utterance hits if all its hearings do": "in the smoke study, all hearings of an utterance hit, or none",
    "pairs are surrogates": "in the smoke study, one surrogate is heard by one model of each arm",
    "shares of samples": "as above: each sample has one hearing of an arm",
}
"""Mutants that no check catches, and why."""
