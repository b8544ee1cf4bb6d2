"""Secrets: named where they are configured, read when the settings are checked, shown nowhere."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, SecretStr
from pydantic_core import PydanticCustomError, core_schema

from cxsdk.observe.redaction import register


class Secret:
    """A value that no repr, log or error shows.

    Write ``Secret.env("NAME")`` or ``Secret.file("path")``; a pydantic SecretStr is taken as well. The variable or
    file is read when the settings that hold it are checked, so that a missing one is reported with its field.
    """

    def __init__(self, value: str) -> None:
        self._value: str | None = value
        self._read: Callable[[], str] = str
        self._source = "Secret(**********)"
        self._is_hidden = False

    @classmethod
    def env(cls, name: str) -> Secret:
        """The value of an environment variable."""
        return cls._later(lambda: os.environ[name], f"Secret.env({name!r})")

    @classmethod
    def file(cls, path: str | Path) -> Secret:
        """The content of a file, without the line break at its end."""
        return cls._later(lambda: Path(path).read_text(encoding="utf-8").rstrip("\r\n"), f"Secret.file({str(path)!r})")

    @classmethod
    def _later(cls, read: Callable[[], str], source: str) -> Secret:
        secret = cls("")
        secret._value, secret._read, secret._source = None, read, source
        return secret

    def reveal(self) -> str:
        """The value itself: for the one line that sends or compares it."""
        if self._value is None:
            self._value = self._read()
        if not self._is_hidden:
            register(self._value)  # from here on, no log shows it either
            self._is_hidden = True
        return self._value

    def __repr__(self) -> str:
        return self._source

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.reveal() == other.reveal()

    def __hash__(self) -> int:
        return hash(self._source)

    def __reduce__(self) -> Any:
        raise TypeError("A Secret is not written anywhere; pass Secret.env or Secret.file again.")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(repr)
        )

    @classmethod
    def _validate(cls, given: Any) -> Secret:
        if isinstance(given, SecretStr):
            given = cls(given.get_secret_value())
        if not isinstance(given, cls):
            raise PydanticCustomError("secret_plain", "A secret must not stand in the code")
        try:
            value = given.reveal()
        except (KeyError, OSError, UnicodeDecodeError):
            raise PydanticCustomError("secret_missing", f"{given!r} is not there") from None
        if not value:
            raise PydanticCustomError("secret_missing", f"{given!r} is empty")
        return given
