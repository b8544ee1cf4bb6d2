"""What is read of EspoCRM's records; of one in a webhook, only the attributes that changed are there."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel

from cxsdk_espocrm.client import TIME


def _time(text: Any) -> Any:
    return datetime.strptime(text, TIME).replace(tzinfo=UTC) if isinstance(text, str) else text


def _day(text: Any) -> Any:
    return datetime.strptime(text[:10], "%Y-%m-%d").replace(tzinfo=UTC).date() if isinstance(text, str) else text


_Time = Annotated[datetime | None, BeforeValidator(_time)]
_Day = Annotated[date | None, BeforeValidator(_day)]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, strict=True, hide_input_in_errors=True, extra="allow", alias_generator=to_camel
    )


class Held(_Part):
    """One of a person's addresses or numbers."""

    email_address: str | None = None
    phone_number: str | None = None
    invalid: bool | None = None
    opt_out: bool | None = None


class Customer(_Part):
    """Whom a deal is with."""

    name: str | None = None
    email_address_data: list[Held] | None = None
    phone_number_data: list[Held] | None = None


class Record(_Part):
    """A task, person or opportunity, as far as it is told."""

    id: str = Field(min_length=1, max_length=100)
    name: str | None = None
    modified_at: _Time = None
    assigned_user_id: str | None = None
    status: str | None = None
    date_completed: _Time = None
    created_contact_id: str | None = None
    created_account_id: str | None = None
    stage: str | None = None
    amount: Annotated[Decimal | None, Field(strict=False)] = None
    amount_currency: str | None = None
    customer: Customer | None = None  #: added where a deal is read
    due: _Day = None  #: added where a deal is read because that day has come

    def day(self, field: str) -> date | None:
        """A date in a field, which may be one of the site's own."""
        found: date | None = _DAY.validate_python((self.model_extra or {}).get(field))
        return found


_DAY: TypeAdapter[Any] = TypeAdapter(_Day)


class Read(_Part):
    """A record that a source read."""

    event: str
    record: Record
