"""Watching a config being made: which function, overlay or flag sets a value, and at which line.

Fiddle already notes a location for every value that is set; a `Recorder` decides what that location says. It adds two things
that Fiddle cannot see. The *layers*: it is told of every call (`sys.setprofile`) and keeps those of public functions in
the package of experiments that take or return a config, in the order in which they finish. And edits inside of a list or
dict: at the borders of a layer it compares all of them with how they were and enters what has changed into Fiddle's
history, with the line where the function begins.

Traded away: a debugger that also uses `sys.setprofile` in the same thread sees nothing of this, and the exact line of an
edit inside of a list.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import os
import pathlib
import sys
import sysconfig
import types
from collections.abc import Callable, Iterator
from typing import Any

import fiddle as fdl
from fiddle import history

from olmix.config import nodes

_FIDDLE = str(pathlib.Path(fdl.__file__).parent)
_STDLIB = sysconfig.get_paths()["stdlib"]
#: All of olmix: where a helper of the library sets a value (`tree_edits.set_weights`), it is its caller who sets it.
_OWN = str(pathlib.Path(__file__).parents[1])
_NOT_USERS = (_FIDDLE, _STDLIB, _OWN, "<frozen", "<string>")


def is_users(file: str) -> bool:
    """Whether a file is somebody's who writes configs, and not of Python, Fiddle or this package."""
    return not file.startswith(_NOT_USERS)


_NAMELESS = ("<lambda>", "<listcomp>", "<dictcomp>", "<setcomp>", "<genexpr>")

#: The folders and modules of an experiments package, at any depth, whose functions are layers of their own kind.
MATERIAL = {"base": "base", "presets": "preset", "overlays": "overlay"}


@dataclasses.dataclass(frozen=True)
class Place(history.Location):
    """Who set a value: a line of code, or a flag (then `filename` is the flag and `line_number` 0).

    `before` is known only for values that were read from a file, whose history is in that file.
    """

    layer: str = ""
    kind: str = "code"
    before: str | None = None

    def __str__(self) -> str:
        if not self.line_number:
            return self.filename
        name = f" {self.function_name}" if self.function_name else ""
        return f"{self.filename}:{self.line_number}{name}"


def default_place(cls: type) -> Place:
    """The place of a value that nobody set."""
    return Place(f"default of {nodes.symbol(cls)}", 0, None, kind="default")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """One of the functions or flags that a config went through.

    `kind` is base, preset, overlay, experiment, flag or file; `place` is its file and line, relative to the repository.
    """

    kind: str
    name: str
    place: str
    via: str = ""


@dataclasses.dataclass
class _Call:
    frame: types.FrameType | None
    layer: Layer
    configs: list[fdl.Buildable[Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OverlayCall:
    """A call of an overlay: the function, the config just before (a copy), and its other arguments by name."""

    layer: Layer
    function: Callable[..., Any]
    before: fdl.Buildable[Any]
    arguments: dict[str, Any]


class Recorder:
    """Keeps who sets what while configs are made inside of `watching`.

    `folder` is the package of experiments; places are told relative to `root`, the folder of the repository. With
    `keep_overlays`, `overlay_calls` has every overlay that was called from outside of overlays, to be called again.
    """

    def __init__(self, folder: str, root: str, *, keep_overlays: bool = False) -> None:
        self.overlay_calls: list[OverlayCall] = []
        self._keep_overlays = keep_overlays
        self._folder = folder.rstrip(os.sep) + os.sep
        self._root = root.rstrip(os.sep) + os.sep
        self._finished: list[_Call] = []
        self._stack: list[_Call] = []
        self._flag: Place | None = None
        self._via = ""
        self._contents: dict[tuple[int, str], tuple[fdl.Buildable[Any], Any, Any]] = {}
        # By identity, because hashing a code object reads all of it; the code is kept so that no identity returns.
        self._layer_of: dict[int, tuple[types.CodeType, Layer | None]] = {}
        self._files: dict[str, tuple[bool, str]] = {}

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Records all that this thread does to configs."""
        before = sys.getprofile()
        with history.custom_location(self._location):
            sys.setprofile(self._make_profile())
            try:
                yield
            finally:
                if before is None or callable(before):
                    sys.setprofile(before)
                else:  # cProfile, which Python cannot put back by itself.
                    sys.setprofile(None)
                    before.enable()

    @contextlib.contextmanager
    def flag(self, text: str) -> Iterator[None]:
        """Blames all that is set inside on a flag of the command line."""
        self._flag = Place(text, 0, None, layer=text, kind="flag")
        try:
            with history.custom_location(self._location):
                yield
        finally:
            self._flag = None
        self._finished.append(_Call(None, Layer(kind="flag", name=text, place=""), []))

    @contextlib.contextmanager
    def called_by(self, flag: str) -> Iterator[None]:
        """Says of the layers that are called inside that a flag asked for them."""
        self._via = flag
        try:
            yield
        finally:
            self._via = ""

    def layers(self, config: fdl.Buildable[Any]) -> list[Layer]:
        """The layers that `config` went through, in the order in which they finished.

        Functions that made or changed only some node below the root are of the kind "part".
        """
        root = nodes.target(config)
        found: list[Layer] = []
        for call in self._finished:
            whole = call.layer.kind in ("base", "experiment", "flag")
            whole = whole or any(fdl.get_callable(c) is root for c in call.configs)
            layer = call.layer if whole else dataclasses.replace(call.layer, kind="part")
            if layer not in found:
                found.append(layer)
        return found

    def sync(self, config: object) -> None:
        """Enters what was changed inside of lists and dicts since the last border between two layers."""
        owner = self._stack[-1].layer if self._stack else None
        for node in configs_in(config):
            for name, value in node.__arguments__.items():
                if not isinstance(value, dict | list):
                    continue
                key = (id(node), str(name))
                _, container, content = self._contents.get(key, (node, None, None))
                if container is value and not _same(value, content) and owner is not None:
                    _enter_edit(node, str(name), content, owner)
                if container is not value or not _same(value, content):
                    self._contents[key] = (node, value, _copy(value))

    def relative(self, file: str) -> str:
        """A file as a reader of the repository knows it; never a path of this machine."""
        for folder in (self._root, *sorted((f"{entry}{os.sep}" for entry in sys.path if entry), key=len)[::-1]):
            if file.startswith(folder):
                return file[len(folder) :].replace(os.sep, "/")
        return os.path.basename(file)

    # ------------------------------------------------------------- what Fiddle and Python call

    def _location(self) -> Place:
        if self._flag is not None:
            return self._flag
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None and not self._file(frame.f_code.co_filename)[0]:
            frame = frame.f_back
        if frame is None:
            return Place("?", 0, None)
        outer = frame  # a comprehension or lambda is blamed on the function around it
        while outer.f_code.co_name in _NAMELESS and outer.f_back is not None:
            outer = outer.f_back
        layer = self._stack[-1].layer if self._stack else None
        return Place(
            self._file(frame.f_code.co_filename)[1],
            frame.f_lineno,
            outer.f_code.co_name,
            layer=layer.name if layer else "",
            kind=layer.kind if layer else "code",
        )

    def _file(self, file: str) -> tuple[bool, str]:
        """Whether a file is the user's, and its name in the repository."""
        if file not in self._files:
            self._files[file] = (is_users(file), self.relative(file))
        return self._files[file]

    def _make_profile(self) -> Callable[[types.FrameType, str, Any], None]:
        """What Python is to call at every call and return: hundreds of thousands of times, so it looks little up."""
        layer_of, stack = self._layer_of, self._stack

        def profile(frame: types.FrameType, event: str, arg: Any) -> None:
            if event == "call":
                code = frame.f_code
                known = layer_of.get(id(code))
                if known is None:
                    known = layer_of[id(code)] = (code, self._find_layer(code))
                if known[1] is not None:
                    self._enter(frame, known[1])
            elif event == "return" and stack and stack[-1].frame is frame:
                self._leave(arg)

        return profile

    def _enter(self, frame: types.FrameType, layer: Layer) -> None:
        code = frame.f_code
        given = (frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        configs = [value for value in given if isinstance(value, fdl.Buildable)]
        for config in configs:
            self.sync(config)
        self._keep_call(frame, layer, configs)
        self._stack.append(_Call(frame, dataclasses.replace(layer, via=self._via), configs))

    def _leave(self, result: Any) -> None:
        call = self._stack[-1]
        if isinstance(result, fdl.Buildable):
            call.configs.append(result)
        for config in call.configs:
            self.sync(config)
        self._stack.pop()
        if call.configs or call.layer.kind == "base":
            self._finished.append(call)

    def _keep_call(self, frame: types.FrameType, layer: Layer, configs: list[fdl.Buildable[Any]]) -> None:
        nested = any(call.layer.kind == "overlay" for call in self._stack)
        function = frame.f_globals.get(frame.f_code.co_name)
        if not self._keep_overlays or layer.kind != "overlay" or nested or not configs or not callable(function):
            return
        first, *rest = inspect.signature(function).parameters
        if frame.f_locals.get(first) is configs[0]:
            arguments = {name: frame.f_locals[name] for name in rest}
            before = copy.deepcopy(configs[0])
            self.overlay_calls.append(OverlayCall(layer=layer, function=function, before=before, arguments=arguments))

    def _find_layer(self, code: types.CodeType) -> Layer | None:
        file, name = code.co_filename, code.co_qualname
        if not file.startswith(self._folder) or not name.isidentifier() or name.startswith("_"):
            return None
        parts = file[len(self._folder) :].removesuffix(".py").split(os.sep)
        kinds = [MATERIAL[part] for part in parts if part in MATERIAL]
        kind = kinds[-1] if kinds else "experiment" if name == "experiment" else "part"
        parts = [part for part in parts if part != "__init__"]
        if kind != "experiment" and parts[-1:] != [name]:
            parts.append(name)
        return Layer(
            kind=kind,
            name=".".join(parts),
            place=f"{self.relative(file)}:{code.co_firstlineno}",
        )


@contextlib.contextmanager
def blamed(location: history.Location) -> Iterator[None]:
    """Blames all that is set inside on a place that is known already."""
    with history.custom_location(lambda: location):
        yield


def configs_in(root: object) -> Iterator[fdl.Buildable[Any]]:
    """Every config that can be reached, once each."""
    seen: set[int] = set()
    todo = [root]
    while todo:
        value = todo.pop()
        if isinstance(value, fdl.Buildable):
            if id(value) not in seen:
                seen.add(id(value))
                yield value
                todo.extend(value.__arguments__.values())
        elif type(value) is dict:
            todo.extend(value.values())
        elif type(value) is list or type(value) is tuple:
            todo.extend(value)


def _enter_edit(node: fdl.Buildable[Any], name: str, content: Any, owner: Layer) -> None:
    """Splits the last entry in the history of an argument into what was set and what it was edited into."""
    entries = node.__argument_history__[name]
    last = max(i for i, entry in enumerate(entries) if entry.kind is history.ChangeKind.NEW_VALUE)
    entries[last] = dataclasses.replace(entries[last], new_value=content)
    file, _, line = owner.place.rpartition(":")
    place = Place(file, int(line), owner.name.rpartition(".")[2], layer=owner.name, kind=owner.kind)
    with history.custom_location(lambda: place):
        node.__argument_history__.add_new_value(name, node.__arguments__[name])


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copy(item) for item in value]
    return value


def _same(value: Any, content: Any) -> bool:
    """Whether a container still holds what it held; what is not a container counts as the same only if it is."""
    if isinstance(value, dict):
        return (
            isinstance(content, dict)
            and list(value) == list(content)
            and all(_same(item, content[key]) for key, item in value.items())
        )
    if isinstance(value, list | tuple):
        return (
            isinstance(content, list)
            and len(value) == len(content)
            and all(_same(item, old) for item, old in zip(value, content, strict=True))
        )
    return value is content
