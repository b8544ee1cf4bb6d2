"""Surveys answered on cxsdk's own page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxsdk import hookimpl
from cxsdk_hostedsurvey.provider import HostedSurvey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cxsdk import SurveyProvider

__all__ = ["HostedSurvey"]


@hookimpl
def register_survey_providers() -> Sequence[type[SurveyProvider]]:
    """Makes the survey provider known."""
    return [HostedSurvey]
