"""Settings: checked when they are written down, so that a mistake shows at the start and not at night."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator

from cxsdk.errors import ConfigurationError


class Settings(BaseModel):
    """Validated settings. A mistake is a ConfigurationError that names the field and the cure, never the value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(data)
        except ValidationError as error:
            raise ConfigurationError.from_validation(cls.__name__, error) from None
