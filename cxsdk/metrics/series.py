"""The answers on one scale, counted. Each scale is a series of its own: nothing adds up two of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Self

from pydantic import Field, NonNegativeInt, model_validator

from cxsdk.domain.survey import Scale
from cxsdk.domain.values import Value


class Series(Value):
    """How often each grade of a scale was given."""

    scale: Scale
    counts: Mapping[int, NonNegativeInt] = Field(default_factory=dict)

    @classmethod
    def of(cls, scale: Scale, scores: Iterable[int]) -> Self:
        """The series of these answers, one by one."""
        return cls(scale=scale, counts=Counter(scores))

    @model_validator(mode="after")
    def _grades_are_of_the_scale(self) -> Self:
        if strange := sorted(set(self.counts) - set(self.scale.grades)):
            raise ValueError(f"{strange} are no grades of {self.scale}")
        return self

    @property
    def n(self) -> int:
        """How many answers."""
        return sum(self.counts.values())

    @property
    def mean(self) -> float | None:
        """The arithmetic mean of the answers, or None."""
        return sum(grade * count for grade, count in self.counts.items()) / self.n if self.n else None

    def count(self, grades: Collection[int]) -> int:
        """How many answers were one of these grades."""
        return sum(count for grade, count in self.counts.items() if grade in grades)

    def require(self, *scales: Scale) -> None:
        """Raises ValueError unless the series is on one of these scales."""
        if self.scale not in scales:
            raise ValueError(f"needs a series on {' or '.join(scales)}, not on {self.scale}")

    def __add__(self, other: Self) -> Self:
        """Both together; ValueError where the scales differ."""
        other.require(self.scale)
        return type(self)(scale=self.scale, counts=Counter(self.counts) + Counter(other.counts))
