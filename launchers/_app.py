"""How every launcher begins and ends: flags, errors as one sentence, exit codes.

0: done. 1: the system failed (one line here, the traceback in the run's log). 2: a mistake of the user's. 130 and 143:
stopped by Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import logging
import re
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from absl import app, flags

from olmix.errors import UserError, nearest

MISTAKE = 2
FAILURE = 1


def launch(
    main: Callable[..., int], *, failures: tuple[type[Exception], ...] = (), argument: str | None = None
) -> NoReturn:
    """Parses the flags, runs `main`, and exits with its code or the one that its error calls for.

    `failures` are exceptions that already explain themselves in a sentence or two and need no traceback on the terminal.
    `argument` names the one thing that `main` is called with and that stands on the command line without a flag.
    """

    def guarded(argv: Sequence[str]) -> int:
        if argument is not None:
            if len(argv) != 2:
                given = "none is given" if len(argv) < 2 else f"{len(argv) - 1} are given: {' '.join(argv[1:])}"
                raise UserError(f"This needs one {argument}, and {given}; --help says more.")
            return main(argv[1])
        if len(argv) > 1:
            raise UserError(
                f"Unexpected argument {argv[1]!r}: every setting is a flag, such as --NAME=VALUE; --help lists all."
            )
        return main()

    # SIGTERM is Ctrl-C with another exit code; a flag and not a subclass, because libraries raise the interrupt anew.
    terminated: list[int] = []

    def terminate(signum: int, frame: FrameType | None) -> None:
        terminated.append(signum)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, terminate)
    # absl prints whatever reaches the root logger; what we log is for the run's log, and what a person should see is printed.
    logging.getLogger("olmix").propagate = False
    code: int
    try:
        app.run(_exiting(guarded), flags_parser=_parse)
    except UserError as error:
        code = _say(str(error), MISTAKE)
    except KeyboardInterrupt:
        code = 143 if terminated else 130
    except BrokenPipeError:
        sys.stderr.close()
        code = FAILURE
    except failures as error:
        code = _say(str(error), FAILURE)
    except SystemExit as error:
        code = (
            error.code if isinstance(error.code, int) else 0 if error.code is None else _say(str(error.code), FAILURE)
        )
        if code == FAILURE and any(word.lstrip("-").startswith("help") for word in sys.argv[1:] if word[:1] == "-"):
            code = 0  # absl ends with 1 after showing its help.
    else:
        code = 0
    sys.stdout.flush()
    sys.exit(code)


def _exiting(main: Callable[[Sequence[str]], int]) -> Callable[[Sequence[str]], NoReturn]:
    def run(argv: Sequence[str]) -> NoReturn:
        sys.exit(main(argv))

    return run


def _parse(argv: Sequence[str]) -> list[str]:
    """absl's parsing, with a wrong flag as the user's mistake."""
    try:
        return flags.FLAGS(list(argv))
    except flags.UnrecognizedFlagError as error:
        near = nearest(error.flagname, flags.FLAGS)
        raise UserError(f"Unknown flag --{error.flagname}{near}; --help lists all.") from error
    except flags.IllegalFlagValueError as error:
        raise UserError(_choices(str(error)) or str(error).rstrip(".") + ".") from error
    except flags.Error as error:
        raise UserError(str(error).rstrip(".") + ".") from error


def _choices(told: str) -> str | None:
    """absl's message about a value that is none of a flag's choices, with the nearest ones; None for another message."""
    found = re.search(r"flag --(\S+?)=(.*): value should be one of <(.*)>", told, re.DOTALL)
    if not found:
        return None
    choices = found[3].split("|")
    return f"--{found[1]}={found[2]} is unknown{nearest(found[2], choices)}; it is one of {', '.join(choices)}."


def _say(sentence: str, code: int) -> int:
    print(f"error: {sentence}", file=sys.stderr)
    return code
