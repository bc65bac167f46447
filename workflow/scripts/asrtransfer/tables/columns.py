"""Meanings of every column of every table."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

_INTERVAL = "of the two-sided exact (Clopper-Pearson) interval, row by row,"
_BOUND = "one-sided exact bound: upper where no {0} hits, lower where every {0} does, else empty"
_ANY = "hits if any of its hearings does"

MEANINGS = {
    # names
    "arm": (
        "what remote and surrogate differ in: nothing (self), the run (twin), the seed (seed), one unit in "
        "the last place of one initial weight (ulp), the hardware's arithmetic in another run (native), some epochs of "
        "further training (tuned), all layers but those that it shares (shares), what lies between (channel), the "
        "family of recognisers (family); in models: what the model differs from its base in, or none"
    ),
    "attack": "name of the attack; all: pooled",
    "confidence": (
        "name of a set of keys of the attack, such as low (the target is the top text) and high (K1 also exceeds the "
        "threshold); all: pooled"
    ),
    "counted": (
        "primary: the last stored sample of each (surrogate, attack, target, confidence, utterance); all: "
        "every stored sample"
    ),
    "kind": (
        "audio that was heard: adversarial (the sample), clean (the audio without perturbation), shuffled (the "
        "perturbation's values in a drawn order), moved (the perturbation on another utterance), noise (of equal L2 "
        "norm), spoken (the phrase itself, by a voice of espeak-ng)"
    ),
    "phrase": "target text",
    "rank": "of the target among the surrogate's own texts for the clean audio",
    "remote": "listening model",
    "remotes": "models that heard: of the rung, or of the family",
    "surrogate_family": "of the attacked models; of several, joined by +",
    "remote_family": "of the listening models; all others: every family but the surrogate's own",
    "rung": "the arm; of shares and tuned also how much, and of channel which, and who hears through it",
    "channel": "through which a model hears; empty where nothing lies between",
    "common": "what remote and surrogate have in common",
    "worst_test_wer": "largest word error rate of these models on the test split",
    "agreement": (
        "share of test utterances in which surrogate and remote have the same top text for clean audio, mean over pairs"
    ),
    "surrogate": "attacked model, or models joined by +",
    "sweep": (
        "key of the attack that varies from this confidence to others while all other keys stay (with the values that "
        "tell its sweeps apart, if several vary it); empty: none"
    ),
    "keys": "values of the keys that any confidence of the attack overrides",
    "target": (
        "name of the phrase, of a near target (the surrogate's own text of a rank), or words- and how many words of "
        "the truth are changed (in doses, phrases: all of them)"
    ),
    "target_kind": (
        "phrase (one text for all utterances), near (the surrogate's own text of a rank), or words (what the utterance "
        "says, with some words changed)"
    ),
    "text": "what the utterance says",
    "utterance_id": "of the attacked utterance",
    # counts of samples
    "attempts": (
        "(surrogate, confidence, target, utterance) attacked, of an attack (in confidence-definitions: without those "
        "whose samples have no known confidence)"
    ),
    "capped": "utterances that reached the target, all of whose samples fell to the configured cap",
    "failed": "utterances that did not reach the target",
    "infeasible": "utterances too short for the target, or without such a near target",
    "primary_samples": "attempts with a stored sample: one each",
    "reached": (
        "attempts that reached the target (in attack-success: utterances), those that fell to the cap included"
    ),
    "samples": "stored samples (in confidence-definitions: those whose confidence is known)",
    "samples_hit": "samples that some remote of the arm hears as the target",
    "utterances": "distinct utterances",
    # counts of hearings
    "hearings": (
        "(sample, remote) transcribed; a remote with the weights of an earlier one, as a twin of another seed, counts "
        "in transfers alone"
    ),
    "transfers": "hearings whose top text is the target, character for character",
    "transfers_verbatim": (
        "of these, the ones where the text as the recogniser wrote it, with its capitals, stops and digits, is the "
        "target, too"
    ),
    "top_ten": "hearings with the target among the ten most likely texts",
    "share": (
        "transfers over hearings (in attack-success: reached over utterances; in confidence-definitions: "
        "attempts_above over attempts)"
    ),
    "lower": (
        f"lower limit {_INTERVAL} of the share or estimate (in claims of order: of the two-way cluster bootstrap)"
    ),
    "upper": "upper limit, as lower",
    "bound": _BOUND.format("unit"),
    "hearing_lower": f"lower limit {_INTERVAL} of the share; unit: hearing, taken as independent",
    "hearing_upper": "upper limit, as hearing_lower",
    "hearing_bound": _BOUND.format("hearing"),
    "utterances_hit": f"utterances with a hit; an utterance {_ANY}",
    "utterance_lower": f"lower limit {_INTERVAL} of utterances_hit over utterances",
    "utterance_upper": "upper limit, as utterance_lower",
    "utterance_bound": _BOUND.format("utterance"),
    "pairs": "(surrogate, remote) (in paired: matched units)",
    "pairs_hit": f"pairs (surrogate, remote) with a hit; a pair {_ANY}",
    "pair_lower": (
        f"lower limit {_INTERVAL} of pairs_hit over pairs, though k models make k (k - 1) pairs and only k draws"
    ),
    "pair_upper": "upper limit, as pair_lower",
    "pair_bound": _BOUND.format("pair"),
    "surrogates": "distinct surrogates",
    "surrogates_hit": f"surrogates with a hit; a surrogate {_ANY}",
    "surrogate_lower": f"lower limit {_INTERVAL} of surrogates_hit over surrogates",
    "surrogate_upper": "upper limit, as surrogate_lower",
    "surrogate_bound": _BOUND.format("surrogate"),
    "bootstrap_utterance_lower": (
        "lower limit of the share, utterances resampled; empty where resamples cannot differ"
    ),
    "bootstrap_utterance_upper": "upper limit, as bootstrap_utterance_lower",
    "bootstrap_surrogate_lower": (
        "lower limit of the share, surrogates resampled; empty where resamples cannot differ"
    ),
    "bootstrap_surrogate_upper": "upper limit, as bootstrap_surrogate_lower",
    "bootstrap_both_lower": (
        "lower limit of the share, utterances and surrogates resampled; empty where resamples cannot differ"
    ),
    "bootstrap_both_upper": "upper limit, as bootstrap_both_lower",
    "top_ten_share": "top_ten over hearings",
    "top_ten_lower": "lower limit of top_ten_share, utterances and surrogates resampled",
    "top_ten_upper": "upper limit, as top_ten_lower",
    "control_hearings": "hearings of the kind of negative control, other than clean audio, with the largest share",
    "control_share": "share of them whose top text is the target",
    "control_top_ten_share": "largest share of hearings with the target in the top ten, of these kinds",
    "excess": "share of hearings that hit minus that of the same samples' best negative control",
    "excess_lower": "lower limit of excess, utterances and surrogates resampled; empty where resamples cannot differ",
    "excess_upper": "upper limit, as excess_lower",
    "gain": (
        "mean fall of the target's CTC loss on the remote, from the clean audio to the sample, in nats a word of the "
        "target; empty if the remote is no CTC model"
    ),
    "gain_lower": "lower limit of gain, utterances and surrogates resampled",
    "gain_upper": "upper limit, as gain_lower",
    "control_gain": "the same of the negative control, other than clean audio, with the largest mean",
    "clean_hearings": "hearings of the clean audio of the same utterances by the same remotes",
    "clean_share": "share of them whose top text is the target: the base rate of share",
    "clean_top_ten_share": "share of them with the target in the top ten: the base rate of top_ten_share",
    # graded outcomes
    "contains_share": (
        "share of hearings whose top text contains the target's words in a row; of primary samples and controls"
    ),
    "median_cer_target": "median character error rate of the top text to the target; of primary samples and controls",
    "median_cer_truth": (
        "median character error rate of the top text to what the utterance says; of primary samples and controls"
    ),
    "median_ctc_loss_change": (
        "median of the target's CTC loss on the remote, in nats, minus that of the clean audio; negative: "
        "nearer to the target; empty if the remote is no CTC model"
    ),
    # size of perturbations
    "median_iteration": "median iteration at which primary samples were stored",
    "median_linf": "median largest magnitude of the perturbation, 16-bit units",
    "median_l2": "median L2 norm of the perturbation, 16-bit units",
    "median_snr_db": "median signal-to-noise ratio, dB of energy; larger is quieter",
    "median_peak_db": "median peak of the perturbation relative to the audio's, dB; smaller is quieter",
    "median_audible_db": (
        "median over samples of the perturbation's mean excess over the masking threshold of the audio, dB; smaller is "
        "quieter to the ear"
    ),
    "median_audible_share": "median over samples of the share of time and frequency in which it is above it",
    "median_k1": "median K1, the surrogate's probability of the target; empty if the surrogate is no CTC model",
    **{
        f"{end}_quartile_{name}": f"{end} quartile, as median_{name}"
        for end in ("lower", "upper")
        for name in ("snr_db", "k1")
    },
    # failures
    "status": "failed, infeasible or capped",
    "best_loss": "smallest CTC loss of the target that the attack saw, in nats; empty if it never ran",
    "seconds": "of audio",
    # confidence definitions
    "definition": (
        "K1 = exp(-CTC loss); K2 = exp(-CTC loss / characters); K5 = mean over frames of the largest class probability"
    ),
    "threshold": "that K1, K2 or K5 must exceed; where a confidence has none, the highest of the attack",
    "samples_above": "stored samples whose confidence exceeds the threshold",
    "attempts_above": "attempts with such a sample",
    "seed_hearings": "hearings by models of another seed (in confidence-definitions: of samples_above)",
    "seed_transfers": "seed_hearings whose top text is the target",
    "spoken_hearings": "hearings of the phrase itself, spoken by a voice, by strangers (arms seed and family)",
    "spoken_hits": "of them, those whose top text is the phrase",
    # published
    "published_samples": "samples of the published study (in total: of its phrases among those above); empty if none",
    "published_transfers": "of them, transfers",
    "published_share": "share that transferred in the published study",
    "published_top_ten_share": (
        "share with the target in the top ten there; the text does not say of which confidence, it follows the high one"
    ),
    "note": "remark on the published figures",
    # models
    "model": "name",
    "family": "of recognisers",
    "seed": "of the initial weights and of dropout; empty if the model was loaded, not trained",
    "same_weights_as_base": "whether an arm's weights hash as those of the model that it is an arm of",
    "same_start_as_base": "the same for the initial weights",
    "unintended": (
        "keys in which its card differs from that of the first model of its family, apart from seed, arm and what "
        "follows from them"
    ),
    "weights_sha256": "of the trained weights; of a loaded recogniser, its identity",
    "initial_weights_sha256": "of the weights before training",
    "training_data_sha256": "of the training utterances in their order",
    "units": "independent units that were counted (in models: width of a hidden layer)",
    "parameters": "of the network",
    "device": "that trained it",
    "threads": "that trained it",
    **{
        f"{split}_{rate}{suffix}": f"{rate.upper()} of the {split} split, {how}"
        for split in ("dev", "test")
        for rate in ("wer", "cer")
        for suffix, how in (("", "top text of the decoder"), ("_greedy", "greedy decoding"))
    },
    **{
        f"{split}_wer_language_model": (
            f"WER of the {split} split, decoded with the language model as tuned on dev; empty for a model that is not"
        )
        for split in ("dev", "test")
    },
    **{f"{split}_right": f"{split} utterances transcribed exactly right" for split in ("dev", "test")},
    **{
        f"{split}_median_k1": (
            f"median K1 of the {split} utterances that the model transcribes exactly right: how sure the model is "
            "of them; empty if it tells no probabilities"
        )
        for split in ("dev", "test")
    },
    **{f"{split}_utterances": f"utterances of the {split} split" for split in ("dev", "test")},
    # paired tests
    "comparison": "what differs between the two sides: confidence, rank, attack, perturbation",
    "first": "one side",
    "second": "the other side",
    "outcome": "transfer or top ten",
    "both": "matched units that hit on both sides",
    "only_first": "on the first side alone",
    "only_second": "on the second side alone",
    "neither": "on none",
    "first_share": "share of matched units that hit on the first side",
    "second_share": "share of matched units that hit on the second side",
    "difference": "first_share minus second_share",
    "difference_lower": "lower limit of the difference, utterances and surrogates resampled",
    "difference_upper": "upper limit, as difference_lower",
    "difference_least": (
        "one-sided lower limit of the difference, with one more utterance all of whose pairs hit on the second side "
        "alone; holds where few pairs differ, or none"
    ),
    "difference_most": "one-sided upper limit, as difference_least, with one that hits on the first side alone",
    "p_value": (
        "two-sided exact McNemar test, units taken as independent (in doses: utterances with a hit in samples against "
        "those with one in the negative control of the largest share)"
    ),
    "odds_ratio": "only_first over only_second",
    "odds_lower": "exact lower limit of the odds ratio",
    "odds_upper": "exact upper limit of the odds ratio",
    # claims
    "claim": "name",
    "statement": "what is claimed",
    "published": "the published figure; empty if nothing was published",
    "ours": "this study's figure",
    "verdict": "supported, contradicted, within the margin, undecided at this size, or not tested; computed",
    "unit": "what is counted as independent",
    "needed": (
        "units with which an undecided claim would be decided if shares stay as found (of pairs with a probability of "
        "80 %); empty where none would"
    ),
    "tried": "what was tried on a unit that was heard: how many different ones of each",
    "hits": "units that speak against the claim (in claims of order: pairs that hit on the first side alone)",
    "estimate": "hits over units (in claims of order: the difference of shares)",
    "margin": "share below which transfer is called absent, and difference of shares below which there is none",
    # checks
    "check": "what is checked",
    "passed": "whether nothing was wrong",
    "fatal": "whether the study has no verdict if it fails",
    "checked": "number of things checked",
    "wrong": "number of them that were wrong",
    "meaning": "what is wrong with them",
}

_BY_ARM = {
    "hearings": "hearings by remotes of arm {}",
    "transfers": "hearings by remotes of arm {} whose top text is the target",
    "top_ten": "hearings by remotes of arm {} with the target in the top ten",
}


def meaning(column: str) -> str:
    """Explain a column.

    Raises:
        KeyError: if it has no meaning here.
    """
    arm, _, rest = column.partition("_")
    counted, _, name = rest.partition("_")
    if column not in MEANINGS and rest in _BY_ARM:
        return _BY_ARM[rest].format(arm) + "; all samples"
    if column not in MEANINGS and counted == "primary" and name in _BY_ARM:
        return _BY_ARM[name].format(arm) + "; primary samples"
    return MEANINGS[column]


def columns(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """List the columns of every table: table, column, meaning."""
    rows = [(name, column, meaning(column)) for name, table in tables.items() for column in map(str, table)]
    return pd.DataFrame(rows, columns=["table", "column", "meaning"])
