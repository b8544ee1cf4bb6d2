"""Settings: checked when they are written down, so that a mistake shows at the start and not at night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cxsdk.domain.mistakes import mistakes
from cxsdk.errors import ConfigurationError

if TYPE_CHECKING:
    _Checked = BaseModel
else:

    class _Plainly(type(BaseModel)):
        """Makes objects whose mistakes are told plainly; here, because a class's own validators run last.

        A class that only gives a setting of its base another default need not write its type again.
        """

        def __new__(mcs, name: str, bases: tuple[type, ...], names: dict[str, Any], **options: Any) -> Any:
            fields = {name: field for base in bases for name, field in getattr(base, "model_fields", {}).items()}
            written = names.setdefault("__annotations__", {})
            for setting in fields.keys() & names.keys() - written.keys():
                field = fields[setting]
                written[setting] = Annotated[field.annotation, Field(validate_default=True), *field.metadata]
            return super().__new__(mcs, name, bases, names, **options)

        def __call__(cls, *args: Any, **settings: Any) -> Any:
            try:
                return super().__call__(*args, **settings)
            except ValidationError as error:
                raise ConfigurationError.from_mistakes(cls.__name__, mistakes(cls, error)) from None

    class _Checked(BaseModel, metaclass=_Plainly):
        pass


class Settings(_Checked):
    """Validated settings. A mistake is a ConfigurationError that names the field and the cure, never the value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )
