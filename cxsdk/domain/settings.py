"""Settings: checked when they are written down, so that a mistake shows at the start and not at night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from cxsdk.errors import ConfigurationError

if TYPE_CHECKING:
    _Checked = BaseModel
else:

    class _Plainly(type(BaseModel)):
        """Makes objects whose mistakes are told plainly; here, because a class's own validators run last."""

        def __call__(cls, *args: Any, **settings: Any) -> Any:
            try:
                return super().__call__(*args, **settings)
            except ValidationError as error:
                raise ConfigurationError.from_validation(cls.__name__, error) from None

    class _Checked(BaseModel, metaclass=_Plainly):
        pass


class Settings(_Checked):
    """Validated settings. A mistake is a ConfigurationError that names the field and the cure, never the value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )
