"""The keys of a channel."""

from __future__ import annotations

from typing import Annotated, Literal

from asrtransfer.section import BeforeValidator, Bool, Field, Float, Int, Section, Seed, read_null, read_plain


class ChannelSection(Section):
    """What a channel does to audio, in this order; each key is off by default."""

    gain: Float = Field(default=0.0, ge=-60, le=60, description="dB; what exceeds full scale is clipped")
    reverberation: Annotated[Annotated[float, Field(ge=0.05, le=10)] | None, BeforeValidator(read_plain)] = Field(
        default=None,
        description="seconds in which the sound of a room falls by 60 dB; direct and reverberant sound are equally "
        "loud, and the whole is as loud as before",
    )
    snr: Annotated[Annotated[float, Field(ge=-60, le=120)] | None, BeforeValidator(read_plain)] = Field(
        default=None, description="signal-to-noise ratio in dB of the white noise that is added"
    )
    telephone: Bool = Field(default=False, description="300 to 3400 Hz at a sample rate of 8 kHz, 8-bit mu-law")
    codec: Annotated[Literal["mp3", "opus"] | None, BeforeValidator(read_null)] = Field(
        default=None, description="compresses the audio and decompresses it"
    )
    bitrate: Int = Field(default=32, ge=8, le=96, description="of the codec, kbit/s, on average")
    seed: Seed = Field(default=0, description="draws the room and the noise")
