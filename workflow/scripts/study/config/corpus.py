"""The section ``corpus``: the speech of a study."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator

from asrtransfer.section import (
    MINUTES,
    SAMPLES,
    SECONDS,
    Bool,
    Field,
    FilePath,
    FilePathOrNull,
    Float,
    Int,
    Section,
    Seed,
    read_null,
    read_plain,
)


class Synthetic(Section):
    """Commands spoken by espeak-ng; byte-identical for a seed."""

    seed: Seed = Field(default=1, description="draws sentences, voices, pitch and rate")
    train_minutes: Float = Field(default=20.0, gt=0, le=6000, description="training speech", json_schema_extra=MINUTES)
    train_voices: Int = Field(default=30, ge=1, le=30, description="voices of train and dev")
    held_out_voices: Int = Field(
        default=6, ge=0, le=10, description="voices of test, in no other split; 0: test has those of train"
    )
    dev_utterances: Int = Field(default=60, ge=1, le=5000, description="utterances held out, spoken by training voices")
    test_utterances: Int = Field(
        default=300, ge=1, le=5000, description="utterances held out, spoken by held-out voices"
    )
    sentences: Int = Field(
        default=1,
        ge=1,
        le=6,
        description='sentences that an utterance says, joined by "and"; a longer phrase is easier to reach in longer '
        "audio",
    )
    vocabulary: Annotated[Annotated[int, Field(ge=2, le=60)] | None, BeforeValidator(read_plain)] = Field(
        default=None,
        description="words, all equally frequent, of which sentences are drawn at random; null: sentences of a grammar",
    )
    length: Int = Field(default=4, ge=1, le=12, description="words of a sentence that is drawn; of a vocabulary")


class Manifest(Section):
    """Your own recordings, listed in a CSV, TSV or Parquet file."""

    path: FilePath = Field(
        description="table with the columns path (from the table's folder), text, speaker and split "
        "(train, dev, test). A change in the table reruns; one in a recording does not"
    )
    longest_seconds: Float = Field(
        default=600.0,
        gt=0,
        le=86400,
        description="longest recording that is read; a longer one is refused by name",
        json_schema_extra=SECONDS,
    )
    disjoint_speakers: Bool = Field(default=True, description="refuse a speaker who is in two splits")
    dither: Float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="standard deviation of the white noise that is added to every recording. Digital silence, in gaps "
        "or above the recordings' band, makes training uneven (docs/results.md); 30 is 58 dB below a full-scale sine",
        json_schema_extra=SAMPLES,
    )
    seed: Seed = Field(default=0, description="draws the dither")


class LibriSpeech(Section):
    """LibriSpeech, downloaded or read from a folder that holds it."""

    folder: FilePathOrNull = Field(
        default=None, description="folder that contains LibriSpeech/; null downloads the subsets"
    )
    mirror: FilePathOrNull = Field(
        default=None, description="http(s) folder to download from; null: the publisher's, or else its mirrors"
    )
    train: list[FilePath] = Field(
        default=["train-clean-100", "train-clean-360", "train-other-500"],
        min_length=1,
        max_length=10,
        description="subsets",
    )
    dev: list[FilePath] = Field(default=["dev-clean"], min_length=1, max_length=10, description="subsets")
    test: list[FilePath] = Field(default=["test-clean"], min_length=1, max_length=10, description="subsets")


class Corpus(Section):
    """The speech. Each kind has its own section, so that one configuration can be laid over another."""

    kind: Literal["synthetic", "manifest", "librispeech"] = Field(
        default="synthetic", description="which of the sections below is used; the others have no effect"
    )
    synthetic: Synthetic = Synthetic()
    manifest: Annotated[Manifest | None, BeforeValidator(read_null)] = None
    librispeech: LibriSpeech = LibriSpeech()
