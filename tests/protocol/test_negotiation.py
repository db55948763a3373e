import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.audio import OPUS_FRAME_MS, RATES, AudioFormat, Encoding
from protocol.errors import NegotiationFailed
from protocol.events import (
    AudioOffer,
    ClientInfo,
    ClientLimits,
    FormatOffer,
    Hello,
    SessionFields,
    SessionSettings,
    TurnFields,
    TurnSettings,
)
from protocol.negotiation import Capabilities, merged, negotiate

DEFAULTS = SessionSettings("Be kind.", "en", "audio", TurnSettings(silence_ms=900), greeting="Hi")


def hello(*, in_=(), out=(), features=(), max_binary=4096, aec="none") -> Hello:
    return Hello(
        protocol=1,
        client=ClientInfo("test", "0"),
        audio=AudioOffer(
            tuple(FormatOffer(*each) for each in in_),
            tuple(FormatOffer(*each) for each in out),
            aec=aec,
        ),
        features=features,
        limits=ClientLimits(max_binary=max_binary),
    )


def test_the_first_format_that_both_know_is_chosen():
    offer = hello(in_=[("speex", 16000, 20), ("opus", 44100, 20), ("opus", 16000, 60)])
    agreement = negotiate(offer, Capabilities())
    assert agreement.audio_in == AudioFormat(Encoding.OPUS, 16000, 60)
    assert agreement.audio_out is None


@pytest.mark.parametrize("codec", ["opus", "pcm_s16le"])
@pytest.mark.parametrize("rate", RATES)
def test_every_rate_can_be_agreed(codec, rate):
    assert negotiate(hello(in_=[(codec, rate, 20)]), Capabilities()).audio_in.rate == rate


@pytest.mark.parametrize("codec", ["pcmu", "pcma"])
def test_g711_has_8000_only(codec):
    assert negotiate(hello(out=[(codec, 8000, 20)]), Capabilities()).audio_out.rate == 8000
    with pytest.raises(NegotiationFailed) as caught:
        negotiate(hello(out=[(codec, 16000, 20)]), Capabilities())
    assert caught.value.code == "unsupported_rate"


def test_a_client_without_a_common_codec_is_refused():
    with pytest.raises(NegotiationFailed) as caught:
        negotiate(hello(in_=[("mp3", 16000, 20)]), Capabilities())
    assert caught.value.code == "unsupported_codec"
    assert caught.value.details["path"] == "audio.in"
    assert "opus" in caught.value.details["supported"]


def test_a_client_without_a_common_rate_is_refused():
    with pytest.raises(NegotiationFailed) as caught:
        negotiate(hello(out=[("opus", 44100, 20)]), Capabilities())
    assert caught.value.code == "unsupported_rate"
    assert caught.value.details["supported"] == list(RATES)


def test_a_server_without_a_codec_does_not_agree_to_it():
    offer = hello(in_=[("opus", 16000, 20), ("pcm_s16le", 16000, 20)])
    only_pcm = Capabilities(codecs=frozenset({Encoding.PCM_S16LE}))
    assert negotiate(offer, only_pcm).audio_in.codec is Encoding.PCM_S16LE


def test_only_features_that_both_list_are_on():
    agreement = negotiate(
        hello(features=("tools", "captions", "playout", "captions")), Capabilities()
    )
    assert agreement.features == ("captions", "playout")
    assert agreement.has("playout")
    assert not agreement.has("tools")


def test_a_device_with_its_own_echo_is_not_interrupted_by_default():
    assert not negotiate(hello(), Capabilities()).interrupts_by_default
    assert negotiate(hello(aec="device"), Capabilities()).interrupts_by_default


def test_frames_are_shortened_to_what_the_client_can_take():
    offer = hello(out=[("pcm_s16le", 48000, 120)], max_binary=4096)
    assert negotiate(offer, Capabilities()).audio_out.frame_ms == 40


def test_opus_frames_have_a_duration_that_an_encoder_can_make():
    assert negotiate(hello(out=[("opus", 24000, 30)]), Capabilities()).audio_out.frame_ms == 20


@given(
    st.sampled_from(["opus", "pcm_s16le"]),
    st.sampled_from(RATES),
    st.floats(2.5, 120),
    st.integers(256, 20_000),
)
def test_an_agreed_frame_always_fits(codec, rate, frame_ms, max_binary):
    agreement = negotiate(
        hello(out=[(codec, rate, frame_ms)], max_binary=max_binary), Capabilities()
    )
    out = agreement.audio_out
    assert 2.5 <= out.frame_ms <= frame_ms
    if codec == "opus":
        assert out.frame_ms in OPUS_FRAME_MS
    else:
        assert out.frame_ms * rate * 2 / 1000 <= agreement.max_payload


def test_early_audio_is_unambiguous_with_one_format_only():
    one, two = [("opus", 16000, 20)], [("opus", 16000, 20), ("opus", 8000, 20)]
    assert negotiate(hello(in_=one), Capabilities()).may_speak_early
    assert not negotiate(hello(in_=two), Capabilities()).may_speak_early


def test_a_change_touches_only_the_leaves_that_it_names():
    change = SessionFields(voice="amy", turn=TurnFields(threshold=0.7))
    settings = merged(DEFAULTS, change, DEFAULTS)
    assert settings.voice == "amy"
    assert settings.greeting == "Hi"
    assert settings.turn == TurnSettings(silence_ms=900, threshold=0.7)


def test_null_returns_a_leaf_to_the_default():
    changed = merged(DEFAULTS, SessionFields(instructions="Be rude.", speed=2.0), DEFAULTS)
    reset = merged(changed, SessionFields(instructions=None), DEFAULTS)
    assert reset.instructions == "Be kind."
    assert reset.speed == 2.0


def test_null_is_a_value_of_greeting_and_silence():
    change = SessionFields(greeting=None, turn=TurnFields(silence_ms=None))
    settings = merged(DEFAULTS, change, DEFAULTS)
    assert settings.greeting is None
    assert settings.turn.silence_ms is None


def test_a_null_turn_resets_all_of_turn_taking():
    changed = merged(DEFAULTS, SessionFields(turn=TurnFields(mode="manual")), DEFAULTS)
    assert merged(changed, SessionFields(turn=None), DEFAULTS).turn == DEFAULTS.turn
