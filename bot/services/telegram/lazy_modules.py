"""Puts off the modules of a package until one of their names is first looked up."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.abc import InspectLoader, Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import resolve_name
from sys import meta_path
from types import ModuleType
from typing import Any


class LazyModules(MetaPathFinder):
    """While `installed`, the packages named by `lazy` don't import their own modules as they are imported themselves.

    Each `from .module import Name` in them is made good when the name is first asked for: as an attribute of the
    package, or by a function of one of the modules `users`, which import many names from the packages.
    """

    def __init__(self, lazy: Sequence[str], *, users: Sequence[str]) -> None:
        self._lazy, self._modules = lazy, {*lazy, *users}
        self.rebuilds: list[Mapping[str, Any]] = []
        """Namespaces with which pydantic's `model_rebuild` was called for names that nobody has looked up yet."""

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Let imports go this way meanwhile."""
        meta_path.insert(0, self)
        try:
            yield
        finally:
            meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how one of the modules is run; None for all others."""
        spec = PathFinder.find_spec(fullname, path, target) if fullname in self._modules else None
        if spec is None or not isinstance(spec.loader, InspectLoader):
            return None
        spec.loader = _LazyLoader(spec.loader, self._promised)
        return spec

    def _promised(self, package: str, name: str, names: Sequence[str] | None, level: int) -> _Promised | None:
        """Return what stands for the module of an import; None where it is imported now."""
        module = resolve_name("." * level + name, package) if level else name
        lazy = names and name and any(module == one or module.startswith(f"{one}.") for one in self._lazy)
        return _Promised(module, self.rebuilds) if lazy else None


class _LazyLoader(Loader):
    """Runs a module, and leaves to later what it imports from the packages."""

    def __init__(self, plain: InspectLoader, promised: Callable[..., _Promised | None]) -> None:
        self._plain, self._promised = plain, promised

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, and take the promises out of its namespace."""
        spec = module.__spec__
        assert spec is not None  # noqa: S101 - importlib has made it
        spec.loader = module.__loader__ = self._plain
        code: Any = self._plain.get_code(module.__name__)
        names = _Names(vars(module))

        def imported(
            name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] | None = (), level: int = 0
        ) -> Any:
            promised = self._promised(spec.parent, name, fromlist, level)
            return promised or builtins.__import__(name, globals, locals, fromlist or (), level)

        names["__import__"] = imported
        vars(module)["__builtins__"] = names
        exec(code, vars(module))  # noqa: S102 - as every loader does
        names["__import__"] = builtins.__import__
        names.put_off()


class _Promised:
    """Stands for a module that is not imported yet: all its names are promises."""

    def __init__(self, module: str, rebuilds: list[Mapping[str, Any]]) -> None:
        self._module, self._rebuilds = module, rebuilds

    def __getattr__(self, name: str) -> Promise:
        return Promise(self._module, name, self._rebuilds)


class Promise:
    """Stands for a name of a module that is not imported yet, while those run that import it."""

    def __init__(self, module: str, name: str, rebuilds: list[Mapping[str, Any]]) -> None:
        self._module, self._name, self._rebuilds = module, name, rebuilds

    def kept(self) -> Any:
        """Import the module, and return what it holds under the name."""
        return getattr(import_module(self._module), self._name)

    def model_rebuild(self, *, _types_namespace: Mapping[str, Any]) -> None:
        """Note in which names a type is to be built."""
        self._rebuilds.append(_types_namespace)


class _Names(dict[str, Any]):
    """The built-in names, as a module's functions find them, and behind them what was promised to the module."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        super().__init__(vars(builtins))
        self._namespace = namespace
        self._promises: dict[str, Promise] = {}

    def put_off(self) -> None:
        """Take the promises out of the namespace; who asks for one of the names gets what was promised."""
        if "__getattr__" in self._namespace:
            raise RuntimeError(f"{self._namespace['__name__']} has a __getattr__ of its own")
        self._promises = {name: value for name, value in self._namespace.items() if isinstance(value, Promise)}
        for name in self._promises:
            del self._namespace[name]
        self._namespace["__getattr__"] = self._attribute

    def __missing__(self, name: str) -> Any:
        if name not in self._promises:
            raise KeyError(name)
        value = self._namespace[name] = self._promises[name].kept()
        return value

    def _attribute(self, name: str) -> Any:
        if name not in self._promises:
            raise AttributeError(f"module {self._namespace['__name__']!r} has no attribute {name!r}")
        return self[name]
