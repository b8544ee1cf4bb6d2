"""Surveys answered on Typeform."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxsdk import hookimpl
from cxsdk_typeform.provider import Typeform

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxsdk import SurveyProvider

__all__ = ["Typeform"]


@hookimpl
def register_survey_providers() -> Sequence[type[SurveyProvider]]:
    """Makes the survey provider known."""
    return [Typeform]
