"""A conversation whose language is detected: the reply's voice and the model follow it."""

from dataclasses import replace

from pipeline import events
from pipeline.engines.scripted import LoopRunner, Meter, ScriptedRecognizer, ScriptedVoice
from pipeline.recognition import RecognitionSettings
from tests.pipeline.conversations import conversation
from tests.virtual_time import run

AUTO = {"recognition": RecognitionSettings(language=None), "apologies": {"de": "Verzeihung."}}


class Polyglot(ScriptedRecognizer):
    """Detects the languages of its script, one for each utterance; heeds one that is given."""

    def __init__(self, languages, texts, meter):
        super().__init__(texts, meter, seconds=0.05)
        self._languages = iter(languages)

    def utterance(self, *, language):
        return super().utterance(language=language or next(self._languages))


class Listening(ScriptedVoice):
    """Remembers what it was asked for."""

    def __init__(self, meter):
        super().__init__(meter, seconds=0.05)
        self.jobs = []

    def speak(self, job, *, stop):
        self.jobs.append(job)
        return super().speak(job, stop=stop)


def bilingual(*languages, texts):
    meter = Meter()
    voice = Listening(meter)

    def engines(built):
        recognizer = LoopRunner(Polyglot(languages, texts, meter), meter)
        return replace(built, recognizer=recognizer, voice=LoopRunner(voice, meter))

    return voice, engines


async def turn(talk, number, seconds=4.0):
    await talk.say(seconds)
    await talk.device.until(lambda: len(talk.device.of(events.ReplyDone)) == number)
    await talk.device.state(events.DialogueState.LISTENING)


def test_the_reply_is_spoken_in_the_language_that_was_heard_and_the_model_is_told_once():
    async def scene():
        texts = [
            "Wie spät ist es jetzt?",
            "Und wie wird das Wetter?",
            "Thank you very much for all of your help today.",
        ]
        voice, engines = bilingual("de", "de", "en", texts=texts)
        async with conversation(engines=engines, **AUTO) as talk:
            for number in (1, 2, 3):
                await turn(talk, number)
            assert [job.language for job in voice.jobs] == ["de", "de", "en"]
            told = [message.content for message in talk.model.prompts[-1].messages[1::2]]
            assert told[0].endswith("(The user speaks German; answer in German.)")
            assert told[1] == texts[1]
            assert told[2].endswith("(The user speaks English; answer in English.)")

    run(scene())


def test_a_language_that_was_set_is_neither_detected_nor_told():
    async def scene():
        voice, engines = bilingual(texts=["Bonjour."])
        settings = {"recognition": RecognitionSettings(language="fr"), "voice": "siwis"}
        async with conversation(engines=engines, **settings) as talk:
            await turn(talk, 1)
            assert [(job.language, job.voice) for job in voice.jobs] == [("fr", "siwis")]
            assert talk.model.prompts[-1].messages[1].content == "Bonjour."

    run(scene())


def test_before_anything_was_heard_the_voice_speaks_its_own_language():
    async def scene():
        voice, engines = bilingual(texts=["Hallo."])
        async with conversation(engines=engines, **AUTO) as talk:
            talk.dialogue.say("Welcome.")
            await talk.device.until(lambda: talk.device.of(events.ReplyDone))
            assert [job.language for job in voice.jobs] == [""]

    run(scene())


def test_an_apology_is_in_the_language_that_was_heard():
    async def scene():
        voice, engines = bilingual("de", texts=["Wie spät ist es jetzt?"])
        async with conversation(engines=engines, replies=[""], **AUTO) as talk:
            await turn(talk, 1)
            assert [job.text for job in voice.jobs] == ["Verzeihung."]

    run(scene())
