"""Files of items for the launchers that answer line by line: one that cannot be read costs none of the others.

Every item of the list gets its line, in the order of the file; ids are told back as they are and need not differ.
"""

from __future__ import annotations

import json
import math
import pathlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from olmix.errors import UserError

Item = dict[str, Any]


def read_list(path: pathlib.Path, what: str, *keys: str) -> list[Any]:
    """The JSON list in a file; `what` names an item, `keys` are what makes it one.

    Raises:
      UserError: if there is no list, or nothing in it is an item.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        if not text.strip():
            raise UserError(f"--file={path} is empty: it must hold a JSON list of {what}s.")
        items = json.loads(text, parse_constant=_no_number)
    except FileNotFoundError:
        raise UserError(f"--file={path} does not exist.") from None
    except RecursionError:
        raise UserError(f"--file={path} is not readable as JSON: it is nested too deep.") from None
    except IsADirectoryError:
        raise UserError(f"--file={path} is a folder, not a file.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"--file={path} is no text in UTF-8: {error.reason} at byte {error.start}.") from None
    except (ValueError, OSError) as error:
        raise UserError(f"--file={path} is not readable as JSON: {error}") from None
    if items == []:
        raise UserError(f"--file={path} holds no {what}: its list is empty.")
    if not isinstance(items, list) or not any(_has(item, keys) for item in items):
        listed = " and ".join(map(repr, keys))
        raise UserError(f"--file={path} must hold a JSON list of objects with {listed}, one for each {what}.")
    return items


def _has(item: object, keys: tuple[str, ...]) -> bool:
    return isinstance(item, dict) and all(item.get(key) not in (None, []) for key in keys)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def name_of(item: object, key: str, number: int) -> str | int | float:
    """The item's id where it has a usable one, else its place in the list."""
    name = item.get(key) if isinstance(item, dict) else None
    if isinstance(name, bool) or not isinstance(name, str | int | float) or (name != name or name in _INFINITE):
        return str(number)
    return name


_INFINITE = (math.inf, -math.inf)


def answer_all(
    items: Iterable[tuple[str | int | float, object]],
    answer: Callable[[Item], Item],
    show: Callable[[Item], None],
    *,
    single: bool = False,
) -> int:
    """Shows an answer for every item; the exit code is 1 where the system itself failed on one of them.

    `answer` raises UserError for what cannot be read: that item's verdict is `unknown`, "not read: ...". Where the one
    item comes from flags (`single`) the error is the launcher's.
    """
    failures = 0
    for name, item in items:
        try:
            if not isinstance(item, dict):
                raise UserError("the item is no JSON object.")
            result = {"id": name, **answer(item)}
        except UserError as error:
            if single:
                raise
            result = {"id": name, "verdict": "unknown", "reason": f"not read: {error}", "seconds": 0.0}
        except Exception as error:  # A fault of ours is told, and costs no other item its answer.
            failures += 1
            told = f"{type(error).__name__}: {error}".splitlines()[0][:300]
            print(f"error: item {name}: {told}", file=sys.stderr)
            result = {"id": name, "verdict": "unknown", "reason": f"the system failed: {told}", "seconds": 0.0}
        show(result)
    return 1 if failures else 0
