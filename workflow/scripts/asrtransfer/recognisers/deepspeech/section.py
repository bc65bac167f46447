"""The keys of the family DeepSpeech: its network and how it is trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from asrtransfer.recognisers.section import FamilySection
from asrtransfer.section import Field, Float, Int, Section, Seed, read_null, read_plain


class Network(Section):
    """The network: DeepSpeech 0.4.1's, in any width."""

    units: Int = Field(default=2048, ge=1, le=8192, description="width of every hidden layer")
    dropout: Float = Field(default=0.2, ge=0, lt=1, description="share of dense activations dropped in training")
    front_end: Literal["mfcc", "log-mel", "waveform"] = Field(
        default="mfcc",
        description="what the first layer sees of 19 frames: cepstra, as published; the logarithms of the 26 mel "
        "bands; or 26 outputs of convolutions over the waveform, which training learns",
    )
    cepstra: Int = Field(default=26, ge=1, le=26, description="cepstra kept of a frame, the first ones; of mfcc")
    recurrence: Literal["lstm", "none", "window"] = Field(
        default="lstm",
        description="the layer in the middle: a forward LSTM, as published; as many weights that see one frame; or "
        "dilated convolutions that see 64 frames to either side, with about as many weights",
    )
    output: Literal["characters", "words"] = Field(
        default="characters",
        description="the classes of the last layer: characters, as published, or the words of the training split, "
        "which are then all that a model can hear",
    )

    @property
    def shape(self) -> dict[str, Any]:
        """Keyword arguments of the network, without the words, which the training split has."""
        return self.model_dump(exclude={"output"})


class SpecAugment(Section):
    """Parts of the mel spectrogram (26 bands) that training hides; the defaults are policy LD of Park et al. (2019)."""

    frequency_masks: Int = Field(default=2, ge=0, le=26, description="masks over bands, an utterance")
    frequency_width: Int = Field(default=9, ge=0, le=26, description="bands that a mask covers at the most")
    time_masks: Int = Field(default=2, ge=0, le=100, description="masks over time, an utterance")
    time_width: Int = Field(
        default=50,
        ge=0,
        le=10000,
        description="frames that a mask covers at the most",
        json_schema_extra={"unit": "20 ms"},
    )


class Recipe(Section):
    """The training recipe; the defaults are DeepSpeech 0.4.1's."""

    epochs: Int = Field(default=13, ge=1, le=10000, description="passes over the training utterances")
    batch: Int = Field(default=24, ge=1, le=4096, description="utterances a step")
    learning_rate: Float = Field(default=1e-4, gt=0, le=1, description="Adam's step size")
    order: Literal["length", "shuffled"] = Field(
        default="length",
        description="ascending by length in every epoch, or batches of similar length in a drawn order",
    )
    order_seed: Seed = Field(default=0, description="draws the shuffled order, the same for every model")
    schedule: Literal["constant", "cosine"] = Field(
        default="constant",
        description="learning rate over time; cosine warms up for a tenth of the steps, then falls to 0",
    )
    clip: Annotated[Annotated[float, Field(gt=0, le=1e6)] | None, BeforeValidator(read_plain)] = Field(
        default=None, description="largest gradient norm; null does not clip"
    )
    accumulate: Int = Field(
        default=1,
        ge=1,
        le=10000,
        description="batches a step: their gradients are averaged, as those of a larger batch",
    )
    gpus: Int = Field(
        default=1,
        ge=1,
        le=64,
        description="GPUs of one machine that share the `accumulate` batches of a step; the weights stay the same, "
        "bit by bit, for any number of equal ones",
    )
    precision: Literal["fp32", "tf32", "bf16"] = Field(
        default="fp32",
        description="of the products in training: float32; TensorFloat-32 where the accelerator has it; or, in "
        "addition, bfloat16 in the dense layers. Weights, front end and loss stay float32",
    )
    spec_augment: Annotated[SpecAugment | None, BeforeValidator(read_null)] = None
    give_up: Annotated[Annotated[float, Field(gt=0, le=1)] | None, BeforeValidator(read_plain)] = Field(
        default=0.5,
        description="share of the epochs (five at least) after which training stops with what to try, if the dev WER "
        "is 100 % and the dev loss stands still; null goes on",
    )


class Tuning(Section):
    """How an arm `tuned-E` trains its base's weights on; what is not said here is as in `training`."""

    learning_rate: Float = Field(default=3e-4, gt=0, le=1, description="Adam's step size, which stays")


class DeepSpeechSection(FamilySection):
    """Models of Mozilla DeepSpeech 0.4.1's network, which the study trains: one a seed, and its arms."""

    network: Network = Network()
    training: Recipe = Recipe()
    tuning: Tuning = Tuning()
    parts: Int = Field(
        default=2,
        ge=2,
        le=100,
        description="parts into which the training utterances are dealt for the arms `data-P`; each trains on one part "
        "alone, in as many steps as the whole takes",
    )

    @property
    def last_part(self) -> int:
        """The largest P of the arms ``data-P``."""
        return self.parts

    @property
    def gpus(self) -> int:
        """GPUs that a training asks for, where the study has them."""
        return self.training.gpus

    def check(self, device: str) -> str | None:
        """See :meth:`asrtransfer.recognisers.section.FamilySection.check`."""
        if self.network.cepstra < 26 and self.network.front_end != "mfcc":
            return f"network.cepstra: {self.network.front_end} has none; remove the key"
        if self.training.spec_augment is not None and self.network.front_end == "waveform":
            return "training.spec_augment: hides mel bands, and network.front_end: waveform has none; set it to null"
        gpus, accumulate = self.training.gpus, self.training.accumulate
        if gpus > 1 and device == "cpu":
            return f"training.gpus: {gpus} GPUs, and device is cpu; set device: cuda, or training.gpus: 1"
        if gpus > accumulate:
            return (
                f"training.gpus: {gpus} GPUs cannot share {accumulate} batches a step; lower it, or raise "
                "training.accumulate and lower training.batch"
            )
        return None
