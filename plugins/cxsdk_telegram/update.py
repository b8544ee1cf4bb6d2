"""The parts of the Bot API's Update that are read; what is not listed is ignored.

https://core.telegram.org/bots/api#update
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from cxsdk import BadInput, Raw, Request

_Time = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(2101, 1, 1, tzinfo=UTC))]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


def _readable_keyboard(given: Any) -> Any:
    """Buttons of a new kind are no reason to refuse an answer: without them it counts as well."""
    try:
        return Keyboard.model_validate(given)
    except ValidationError:
        return None


class User(_Part):
    """Who did it."""

    id: int
    is_bot: bool = False
    first_name: str = ""
    last_name: str = ""
    language_code: str | None = None

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()


class Chat(_Part):
    """Where it happened."""

    id: int
    type: str

    @property
    def is_private(self) -> bool:
        """Whether it is the customer's own chat with the bot: nothing else is a contact with a customer."""
        return self.type == "private"


class File(_Part):
    """A file at Telegram, of any kind; ``file_id`` is what getFile takes."""

    file_id: str
    file_name: str = ""
    mime_type: str | None = None
    file_size: int | None = None


class Contact(_Part):
    """A card that was shared: anybody's, unless ``user_id`` is the sender's."""

    phone_number: str
    first_name: str = ""
    last_name: str = ""
    user_id: int | None = None


class Sticker(_Part):
    """A sticker."""

    emoji: str = ""


class Location(_Part):
    """A point on the map."""

    latitude: float
    longitude: float


class Venue(_Part):
    """A place with a name."""

    title: str = ""
    address: str = ""


class Poll(_Part):
    """A poll."""

    question: str = ""


class MessageId(_Part):
    """A message that another one speaks of; ``date`` is 0 where Telegram no longer has it."""

    message_id: int
    chat: Chat
    date: _Time


class Keyboard(_Part):
    """The buttons under a message, row by row, as they came: only their labels are ever changed."""

    inline_keyboard: list[list[dict[str, Any]]] = Field(default_factory=list)


class Asked(MessageId):
    """The message under which a button was tapped."""

    reply_markup: Annotated[Keyboard | None, BeforeValidator(_readable_keyboard)] = None


class Message(MessageId):
    """A message in a chat."""

    sender: User | None = Field(default=None, alias="from")
    edit_date: _Time | None = None
    reply_to_message: MessageId | None = None
    text: str = ""
    caption: str = ""
    animation: File | None = None
    audio: File | None = None
    document: File | None = None
    photo: tuple[File, ...] = ()
    video: File | None = None
    video_note: File | None = None
    voice: File | None = None
    contact: Contact | None = None
    location: Location | None = None
    poll: Poll | None = None
    sticker: Sticker | None = None
    venue: Venue | None = None

    @property
    def id(self) -> str:
        """The message's name within the account: Telegram counts messages per chat."""
        return f"{self.chat.id}:{self.message_id}"


class CallbackQuery(_Part):
    """A tap on a button under one of our messages."""

    id: str
    sender: User = Field(alias="from")
    message: Asked | None = None
    data: str | None = None


class Membership(_Part):
    """What the bot is in a chat: ``kicked`` in a private one says that the customer blocked it."""

    status: str


class MembershipChange(_Part):
    """The bot was blocked or unblocked."""

    chat: Chat
    sender: User = Field(alias="from")
    date: _Time
    new_chat_member: Membership


class UpdateId(_Part):
    """What makes an update itself: a repetition has the same number."""

    update_id: int


class Update(UpdateId):
    """One update. At most one of the optional parts is there."""

    message: Message | None = None
    edited_message: Message | None = None
    callback_query: CallbackQuery | None = None
    my_chat_member: MembershipChange | None = None


#: What Telegram is asked to send: the parts that are read.
ALLOWED_UPDATES = [name for name in Update.model_fields if name != "update_id"]


def read_update(raw: Raw) -> Update:
    """The update in a record. Raises BadInput that names the field."""
    try:
        return Update.model_validate(raw.payload())
    except ValidationError as error:
        raise bad_input(error) from None


def read_key(request: Request) -> str | None:
    """The update's number, or None where the body does not tell it."""
    try:
        return str(UpdateId.model_validate(Raw(id="-", body=request.body).payload()).update_id)
    except (BadInput, ValidationError):
        return None


def bad_input(error: ValidationError) -> BadInput:
    """The first problem, with the path to its field and without the value."""
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    field = ".".join(["body", *(str(part) for part in problem["loc"])])
    return BadInput(f"{problem['msg']}.", field=field, code="telegram_update_invalid")
