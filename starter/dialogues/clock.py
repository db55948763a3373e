"""Time and date: read from the system prompt if they are in it, and not guessed if they are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from starter.dialogues.phrasings import Phrasings, load
from starter.dialogues.scene import Exchange, Scene, answered, capitalized
from starter.domain.numbers import ordinal, say

__all__ = ["ask_date", "ask_time", "draw_moment", "spoken_date", "spoken_time", "spoken_year"]

_PHRASINGS: Final = {name: Phrasings.of(text) for name, text in load("clock").items()}
_FIRST_DAY: Final = date(2024, 1, 1)
_DAYS: Final = 6 * 365


def spoken_time(hour: int, minute: int) -> str:
    """Say a time of day: "three oh five in the afternoon", "noon"."""
    if minute == 0 and hour in (0, 12):
        return "noon" if hour else "midnight"
    part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
    said = say((hour - 1) % 12 + 1)
    if minute == 0:
        return f"{said} o'clock in the {part}"
    return f"{said} {'oh ' if minute < 10 else ''}{say(minute)} in the {part}"


def spoken_date(day: date) -> str:
    """Say a date with its weekday: "Tuesday, March third"."""
    return f"{day:%A}, {day:%B} {ordinal(day.day)}"


def spoken_year(year: int) -> str:
    """Say a year of this century: "twenty twenty six"."""
    return f"twenty {say(year - 2000)}"


def draw_moment(scene: Scene) -> datetime:
    """Draw a date and a time; some of both are never trained."""
    day = scene.value(lambda: draw_day(scene), 10, lambda day: f"d{day.month},{day.day}")
    hour, minute = scene.value(lambda: draw_time(scene), 8, lambda time: f"t{time}")
    return datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 (any zone's time)


def draw_day(scene: Scene) -> date:
    """Draw a day of these years."""
    return _FIRST_DAY + timedelta(scene.random.randrange(_DAYS))


def draw_time(scene: Scene) -> tuple[int, int]:
    """Draw hour and minute; full hours, noon and midnight more often than they are."""
    if scene.chance(0.02):
        return scene.random.choice((0, 12)), 0
    return scene.random.randrange(24), 0 if scene.chance(0.06) else scene.random.randrange(60)


def ask_time(scene: Scene) -> Exchange | None:
    """The user asks what time it is; None where a tool can tell it."""
    if not scene.now and scene.offers_family("clock"):
        return None
    user = scene.say(_PHRASINGS["time"])
    if not scene.now:
        return scene.open_answer("time unknown", user, ["I can't see a clock right now."])
    time = spoken_time(scene.now.hour, scene.now.minute)
    return answered(
        "time", user, f"{capitalized(time)}." if scene.is_brief else f"It's {time}.", time
    )


def ask_date(scene: Scene) -> Exchange:
    """The user asks for the date, the day, tomorrow, the month or the year."""
    question = scene.random.choices(list(_ANSWERS), (38, 30, 12, 6, 6, 8))[0]
    user = scene.say(_PHRASINGS[question])
    if not scene.now:
        return scene.open_answer("time unknown", user, ["I can't see a calendar right now."])
    sentence, phrase = _ANSWERS[question](scene.now)
    behaviour = "date" if question in ("date", "year", "month") else "day"
    if scene.is_brief:
        short = spoken_date(scene.now) if question == "date" else phrase
        return answered(behaviour, user, f"{capitalized(short)}.", phrase)
    return answered(behaviour, user, sentence, phrase)


def _date(now: datetime) -> tuple[str, str]:
    return f"Today is {spoken_date(now)}.", f"{now:%B} {ordinal(now.day)}"


def _day(now: datetime) -> tuple[str, str]:
    return f"It's {now:%A}.", f"{now:%A}"


def _tomorrow(now: datetime) -> tuple[str, str]:
    day = f"{now + timedelta(1):%A}"
    return f"Tomorrow is {day}.", day


def _yesterday(now: datetime) -> tuple[str, str]:
    day = f"{now - timedelta(1):%A}"
    return f"Yesterday was {day}.", day


def _month(now: datetime) -> tuple[str, str]:
    return f"It's {now:%B}.", f"{now:%B}"


def _year(now: datetime) -> tuple[str, str]:
    year = spoken_year(now.year)
    return f"It's {year}.", year


_ANSWERS: Final[Mapping[str, Callable[[datetime], tuple[str, str]]]] = {
    "date": _date,
    "day": _day,
    "tomorrow": _tomorrow,
    "yesterday": _yesterday,
    "month": _month,
    "year": _year,
}
