# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the warm server has imported ahead of its tasks, and why that is what the tasks would have imported.

Only what a payload carries is imported, and from the payload's own bytes (byte-code beside an equal file on disk saves
the compiling). A later payload with other bytes under the same name is declined. A file whose import fails, prints,
warns or records a warning stays cold: each task that wants it imports it for itself, with all that this entails.
"""

from __future__ import annotations

import _imp
import base64
import contextlib
import functools
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import os
import resource
import struct
import sys
import threading
import types
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any
from typing import ClassVar

from ansible_collections.amica.stack.plugins.module_utils._warm_wire import Declined

# The packages that a payload may carry files of.
CARRIED = ("ansible", "ansible_collections")
LOADER = "ansible.module_utils._internal._ansiballz._loader"
WARNINGS = "ansible.module_utils.common.warnings"
# What the server may import because a task did: the libraries of the AWS modules, beside Python's own.
LIBRARIES = frozenset({"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "urllib3", "certifi", "six"})
# The children share the server's memory; past this much it learns no more.
MAX_RESIDENT_BYTES = 160 * 1024 * 1024


@dataclass(frozen=True)
class Source:
    """One file of a payload."""

    path: str
    data: bytes

    @functools.cached_property
    def is_package(self) -> bool:
        return self.path.endswith("/__init__.py")

    @functools.cached_property
    def name(self) -> str:
        path = self.path.removesuffix(".py").removesuffix("/__init__")
        return path.replace("/", ".")

    @functools.cached_property
    def digest(self) -> bytes:
        return hashlib.sha256(self.data).digest()


@dataclass(frozen=True)
class Payload:
    """A payload's module, compiled, and the names and paths of the files that it comes with."""

    module: str
    code: types.CodeType
    paths: Mapping[str, Source]


# Path, kind of compression, checksum and compressed bytes of a file.
Packed = tuple[str, int, int, bytes]


def packed(data: bytes, entry: zipfile.ZipInfo) -> Packed:
    """A file as it lies in an archive, behind a header with a name and an extra part of 16-bit lengths."""
    name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
    start = entry.header_offset + 30 + name + extra
    return entry.filename, entry.compress_type, entry.CRC, data[start : start + entry.compress_size]


def sources_of(archive: bytes, known: dict[Packed, Source]) -> dict[str, Source]:
    """The Python files of a payload's archive by module name.

    :param archive: the archive as the payload holds it, in base64.
    :param known: files of other archives, most of which are in this one too; gets those that are new.
    :raises Declined: it is no such archive.
    """
    try:
        data = base64.b64decode(archive, validate=True)
        found = []
        with zipfile.ZipFile(io.BytesIO(data)) as files:
            for entry in files.infolist():
                if entry.filename.endswith(".py"):
                    key = packed(data, entry)
                    if key not in known:
                        known[key] = Source(entry.filename, files.read(entry))
                    found.append(known[key])
    except (ValueError, struct.error, zipfile.BadZipFile, zlib.error) as error:
        raise Declined(f"the payload's archive cannot be read: {error}") from error
    return {source.name: source for source in found if source.name.split(".")[0] in CARRIED}


@dataclass
class Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports a payload's files from its bytes; `roots` are folders where equal files with byte-code may lie."""

    sources: Mapping[str, Source]
    roots: Sequence[Path]
    codes: dict[str, types.CodeType]
    # In a task's process: where its payload lies on disk, for as long as the task runs.
    archive: ClassVar[str] = ""

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        source = self.sources.get(fullname)
        if source is None:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=source.path, is_package=source.is_package)

    def exec_module(self, module: types.ModuleType) -> None:
        source = self.sources[module.__name__]
        module.__file__ = source.path
        self.codes[source.name] = code = self.code(source)
        exec(code, vars(module))

    def is_package(self, fullname: str) -> bool:
        return self.sources[fullname].is_package

    def get_source(self, fullname: str) -> str:
        return source_in(self.archive, self.sources[fullname].path)

    def code(self, source: Source) -> types.CodeType:
        """The file's code, from byte-code on disk if it can be."""
        for root in self.roots:
            path = root / source.path
            with contextlib.suppress(OSError):
                if source.data and path.read_bytes() == source.data:
                    found = importlib.machinery.SourceFileLoader(source.name, str(path)).get_code(source.name)
                    if found is not None:
                        return found
        return compiled(source)


def compiled(source: Source) -> types.CodeType:
    return compile(source.data, source.path, "exec", dont_inherit=True)


def source_in(archive: str, path: str) -> str:
    """The text of a file in the payload on disk, which tracebacks show.

    :raises ImportError: it is there no more.
    """
    try:
        with zipfile.ZipFile(archive) as files:
            return files.read(path).decode()
    except (OSError, KeyError, ValueError) as error:
        raise ImportError(f"{path} is not in {archive!r}") from error


class Models:
    """botocore's service models, parsed once. A task takes each at most once: what it does to it stays with it.

    Which services have a model of a kind is looked up once, too: botocore looks into each of its 400 folders.
    Only what lies in the folders of botocore and boto3 is kept; other models may change from task to task.
    """

    def __init__(self) -> None:
        self.parsed: dict[str, Any] = {}
        self.services: dict[tuple[str, str], list[str]] = {}
        self.wanted: list[tuple[str, str, str]] = []
        self.own: tuple[str, ...] = ()
        self.read: Any = None
        self.list: Any = None

    def install(self) -> None:
        """Stand between botocore and its files, once both libraries are there."""
        botocore, boto3 = (sys.modules.get(name) for name in ("botocore.loaders", "boto3"))
        if self.own or botocore is None or boto3 is None:
            return
        loaders: Any = botocore
        self.own = tuple(f"{Path(str(module.__file__)).parent}/" for module in (botocore, boto3))
        self.read = read = loaders.JSONFileLoader.load_file
        self.list = listed = loaders.Loader.list_available_services

        def load_file(loader: object, file_path: str) -> Any:
            if file_path in self.parsed:
                return self.parsed.pop(file_path)
            data = read(loader, file_path)
            if data is not None:
                self.wanted.append(("model", file_path, ""))
            return data

        def list_available_services(loader: Any, type_name: str) -> Any:
            places = os.pathsep.join(place for place in loader.search_paths if Path(place).is_dir())
            if (type_name, places) in self.services:
                return list(self.services[type_name, places])
            if ("services", type_name, places) not in self.wanted:
                self.wanted.append(("services", type_name, places))
            return listed(loader, type_name)

        loaders.JSONFileLoader.load_file = load_file
        loaders.Loader.list_available_services = list_available_services

    def learn_model(self, path: str) -> None:
        if path in self.parsed or not path.startswith(self.own):
            return
        data = self.read(sys.modules["botocore.loaders"].JSONFileLoader(), path)
        if data is not None:
            self.parsed[path] = data

    def learn_services(self, kind: str, places: str) -> None:
        folders = places.split(os.pathsep)
        if (kind, places) not in self.services and all(folder.startswith(self.own) for folder in folders):
            loader = sys.modules["botocore.loaders"].Loader(folders, include_default_search_paths=False)
            self.services[kind, places] = self.list(loader, kind)


@dataclass
class Library:
    """What is imported so far."""

    roots: Sequence[Path] = ()
    payloads: dict[str, Payload] = field(default_factory=dict)
    sources: dict[Packed, Source] = field(default_factory=dict)
    digests: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, types.CodeType] = field(default_factory=dict)
    cold: set[str] = field(default_factory=set)
    models: Models = field(default_factory=Models)

    def learn(self, digest: str, module: str, archive: bytes) -> Payload:
        """Import what the payload carries, its module excepted, and remember the payload by its digest.

        :raises Declined: it is no payload that can be run here.
        """
        sources = sources_of(archive, self.sources)
        main = sources.pop(module, None)
        if main is None or LOADER not in sources:
            raise Declined("the payload is not built as this version of ansible-core builds it")
        for name, source in sources.items():
            if self.digests.get(name, source.digest) != source.digest:
                raise Declined("a payload carries another version of module_utils than those before it")
        finder = Finder(sources, (*self.roots, *(Path(entry) for entry in sys.path if entry)), self.codes)
        sys.meta_path.insert(0, finder)
        try:
            for name, source in sources.items():
                if name in self.digests or name in self.cold or full():
                    continue
                if self._import(name):
                    self.digests.update((new, sources[new].digest) for new in sources if new in sys.modules)
                else:
                    self.cold.add(source.name)
        finally:
            sys.meta_path.remove(finder)
        if LOADER not in self.digests:
            raise Declined("the payload's loader cannot be imported")
        try:
            code = compiled(main)
        except (SyntaxError, ValueError) as error:
            raise Declined(f"{module} does not compile", quiet=True) from error
        self.models.install()
        self.payloads[digest] = payload = Payload(module, code, sources)
        return payload

    def learn_name(self, name: str, origin: str) -> None:
        """Import what a task had to import for itself, if it is the same file for the server."""
        top = name.split(".")[0]
        if name in sys.modules or full() or not (top in LIBRARIES or top in sys.stdlib_module_names):
            return
        with contextlib.suppress(ImportError, AttributeError, ValueError):
            spec = importlib.util.find_spec(name)
            if spec is not None and (spec.origin or "") == origin:
                self._import(name)
                self.models.install()

    def _import(self, name: str) -> bool:
        """Whether the import went by without a trace; if not, nothing of it is left."""
        before = set(sys.modules)
        quiet = False
        with quietness() as said:
            try:
                importlib.import_module(name)
                quiet = True
            except (Exception, SystemExit):
                pass
        if threading.active_count() > 1:
            raise RuntimeError(f"{name} starts a thread when imported: it cannot be forked from")
        if recorded_warnings(clear=True) or said() or not quiet:
            forget(set(sys.modules) - before)
            return False
        return True

    def prepare(self, payload: Payload) -> None:
        """In a task's process: hide what this payload does not carry, and find its module without compiling it."""
        forget({name for name in self.digests if name not in payload.paths and name in sys.modules})
        loader: Any = sys.modules[LOADER]
        run_module = loader.run_module

        def run(*, modlib_path: str, **rest: Any) -> None:
            Finder.archive = modlib_path
            for name, source in payload.paths.items():
                place = f"{modlib_path}/{source.path}"
                if name in self.codes:
                    rename(self.codes[name], place)
                # Some put another module in their own place.
                module = sys.modules.get(name)
                if isinstance(module, types.ModuleType) and module.__name__ == name:
                    module.__file__ = place
                    if source.is_package:
                        module.__path__ = [place.rpartition("/")[0], *getattr(module, "__path__", ())]
            main = MainFinder(payload, f"{modlib_path}/{payload.module.replace('.', '/')}.py")
            rename(payload.code, main.origin)
            sys.meta_path.insert(0, main)
            run_module(modlib_path=modlib_path, **rest)

        loader.run_module = run


@dataclass
class MainFinder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds the payload's module, compiled by the server."""

    payload: Payload
    origin: str

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.payload.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self.origin, loader=self)

    def is_package(self, fullname: str) -> bool:
        return False

    def get_code(self, fullname: str) -> types.CodeType:
        return self.payload.code

    def get_source(self, fullname: str) -> str:
        return source_in(Finder.archive, fullname.replace(".", "/") + ".py")


def rename(code: types.CodeType, path: str) -> None:
    """Let the code, and all code inside it, stand in the file at the path, as importing byte-code does."""
    _imp._fix_co_filename(code, path)  # type: ignore[attr-defined]


@contextlib.contextmanager
def quietness() -> Iterator[Any]:
    """Keeps what is said inside; leaving forgets which of Python's warnings were given. Gives: was anything said?"""
    output, errors = io.StringIO(), io.StringIO()
    with (
        warnings.catch_warnings(record=True) as given,
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
    ):
        yield lambda: bool(given or output.getvalue() or errors.getvalue())


def recorded_warnings(*, clear: bool) -> bool:
    """Whether an import left a warning that every later task would show."""
    module = sys.modules.get(WARNINGS)
    if module is None:
        return False
    records = [value for name, value in vars(module).items() if name.startswith("_global_")]
    found = any(len(record) for record in records)
    if found and clear:
        for record in records:
            record.clear()
    return found


def forget(names: set[str]) -> None:
    """Take modules out of `sys.modules` and out of the packages that hold them."""
    for name in names:
        module = sys.modules.pop(name, None)
        package, _dot, attribute = name.rpartition(".")
        holder = sys.modules.get(package)
        if holder is not None and module is not None and vars(holder).get(attribute) is module:
            delattr(holder, attribute)


def full() -> bool:
    """Not by `getrusage`, whose maximum is also that of before an exec, of a large Ansible for one."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() > MAX_RESIDENT_BYTES


def new_names(before: set[str]) -> list[tuple[str, str]]:
    """What a task imported beyond the server's, without what its payload carried: names and files."""
    found = []
    for name, module in list(sys.modules.items()):
        if name in before or name.split(".")[0] in (*CARRIED, "__main__"):
            continue
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.name == name:
            found.append((name, spec.origin or ""))
    return found
