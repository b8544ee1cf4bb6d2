"""What pydantic finds wrong with settings, in words for whoever wrote them: what is wanted, and never the value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from cxsdk.errors import Mistake

#: What pydantic puts before the words of our own validators.
_PREFIX = "Value error, "


def mistakes(model: type[BaseModel], error: ValidationError) -> list[Mistake]:
    """Each mistake once, in the order in which they were found."""
    found = (_mistake(model, problem) for problem in error.errors(include_url=False, include_context=False))
    return list(dict.fromkeys(found))


def _mistake(model: type[BaseModel], problem: Any) -> Mistake:
    kind, place = problem["type"], tuple(map(str, problem["loc"]))
    given, said = problem.get("input"), str(problem["msg"]).removeprefix(_PREFIX)
    if kind == "extra_forbidden":
        return Mistake(kind, place, "There is no such setting", meant(place[-1], model.model_fields))
    if kind in ("model_type", "is_instance_of", "dataclass_type"):
        return Mistake(kind, place, *_instead_of(said.rpartition(" ")[2], given))
    if kind in ("tuple_type", "list_type"):
        return Mistake(kind, place, _shape(model, place))
    return Mistake(kind, place, said)


def _instead_of(wanted: str, given: Any) -> tuple[str, str]:
    if isinstance(given, type):
        return "This is a class, not an object of it", f"Write {given.__name__}(), with its settings in the brackets."
    return f"must be an object of {wanted}, not of {type(given).__name__}", ""


def _shape(model: type[BaseModel], place: tuple[str, ...]) -> str:
    field = model.model_fields.get(place[0]) if len(place) == 1 else None
    shapes = list(_tuples(field.annotation)) if field is not None else []
    if not shapes or Ellipsis in shapes[0]:
        return f"must be a list: {place[-1]}=[…, …]"
    return f"must be {len(shapes[0])} values: {place[-1]}=({', '.join('…' for _ in shapes[0])})"


def _tuples(annotation: Any) -> Iterator[tuple[Any, ...]]:
    if get_origin(annotation) is tuple:
        yield get_args(annotation)
    else:
        for inner in get_args(annotation):
            yield from _tuples(inner)


def meant(written: str, known: Iterable[str]) -> str:
    """What may have been meant by a name that does not exist; else all that there are."""
    known = list(known)
    close = get_close_matches(written, known, n=1)
    return f"Did you mean {close[0]}?" if close else f"There are: {', '.join(known)}."
