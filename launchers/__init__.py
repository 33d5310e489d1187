"""How to start it: absl apps, a page each."""

import importlib.util
import sys

if importlib.util.find_spec("absl") is None or importlib.util.find_spec("fiddle") is None:
    # The commonest mistake of a new shell; without this it is a traceback that names a package.
    print(
        f"error: {sys.executable} has none of olmix's packages; activate the environment that `make quickstart` creates "
        "(source .venv/bin/activate).",
        file=sys.stderr,
    )
    sys.exit(2)
