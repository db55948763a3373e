"""Frames that devices share: what is heard is what each would have sent by itself."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.client.microphone import Microphone
from gateway.client.shared_speech import SharedSpeech
from gateway.client.wav import Recording
from pipeline.codecs import AudioDecoder, AudioEncoder
from protocol.audio import AudioFormat, Encoding

PCM = AudioFormat(Encoding.PCM_S16LE, 24_000, 20)
ULAW = AudioFormat(Encoding.PCMU, 8_000, 20)
OPUS = AudioFormat(Encoding.OPUS, 16_000, 20)
OPUS_60 = AudioFormat(Encoding.OPUS, 48_000, 60)


def tone(seconds, rate):
    times = np.arange(round(seconds * rate)) / rate
    return Recording((8000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16), rate)


def conversation(microphone, recording):
    """Silence, a recording that ends in the middle of a frame, silence, and it again."""
    frames = round(1.0 * microphone.rate) // microphone.frame_samples
    for _ in range(2):
        for _ in range(frames):
            yield
        microphone.say(recording)
        for _ in range(2 * frames):
            yield


def both(format):
    """Payloads of two devices: one encodes by itself, one takes what is shared."""
    recording, shared = tone(0.51, format.rate), SharedSpeech()
    alone, sharing = [], []
    with AudioEncoder(format, source_rate=format.rate) as encoder:
        microphone = Microphone(rate=format.rate, frame_samples=encoder.frame_samples)
        for _ in conversation(microphone, recording):
            alone += [frame.payload for frame in encoder.encode(microphone.next_frame())]
    microphone = Microphone(rate=format.rate, frame_samples=microphone.frame_samples)
    for _ in conversation(microphone, recording):
        sharing.append(shared.payload(microphone.next_cut(), format))
    return alone, sharing


@pytest.mark.parametrize("format", [PCM, ULAW], ids=str)
def test_without_memory_the_frames_are_the_same_to_the_bit(format):
    alone, sharing = both(format)
    assert sharing == alone


@pytest.mark.parametrize("format", [OPUS, OPUS_60], ids=str)
def test_shared_opus_sounds_like_opus_of_one_device(format):
    def heard(payloads):
        with AudioDecoder(format) as decoder:
            return np.concatenate([decoder.decode(each) for each in payloads]).astype(float)

    alone, sharing = (heard(payloads) for payloads in both(format))
    assert len(alone) == len(sharing)
    rest = np.sqrt(np.mean((alone - sharing) ** 2))
    assert rest < 0.05 * np.sqrt(np.mean(alone**2))
    for begin in range(0, len(alone) - 1600, 1600):  # and silence is silent
        loud = np.abs(alone[begin : begin + 1600]).max() > 300
        assert loud or np.abs(sharing[begin : begin + 1600]).max() <= 300


def test_frames_are_encoded_once():
    shared, recording = SharedSpeech(), tone(0.1, 16_000)
    found = []
    for _ in range(2):
        microphone = Microphone(rate=16_000, frame_samples=320)
        microphone.say(recording)
        found.append([shared.payload(microphone.next_cut(), OPUS) for _ in range(5)])
    assert all(one is other for one, other in zip(*found, strict=True))


def test_what_a_device_has_for_itself_is_not_shared():
    shared, microphone = SharedSpeech(), Microphone(rate=16_000, frame_samples=320)
    microphone.hear_live(np.ones(320, np.int16))
    assert shared.payload(microphone.next_cut(), OPUS) is None
