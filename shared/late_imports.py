"""Modules of a library that are imported when something of theirs is first used, which may be never.

A library's `from .datatypes import Bucket` runs a whole module for the sake of one function. While such a library is
imported, a stand-in takes the module's place, and hands out names that import it when they are used: nothing is
missing, it only comes later. Nothing is left of the stand-ins but these names, which the library holds.
"""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from threading import Lock, get_ident
from types import ModuleType
from typing import Any


@contextmanager
def imported_late(modules: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """Let what is imported inside get stand-ins for those of `modules` that are not imported yet.

    Each comes with those of its names that are no class, function or module, but values: they must be known before.
    Only this thread is given late names; one that imports such a module meanwhile gets a stand-in with the real ones.
    """
    stand_ins = [_StandIn(name, values) for name, values in modules.items()]
    for each in stand_ins:
        sys.modules.setdefault(each.__name__, each)
    try:
        yield
    finally:
        for each in stand_ins:
            each.give_way()


class _StandIn(ModuleType):
    """Stands for a module. What Python itself asks of every module, as `__path__`, it does not have."""

    def __init__(self, name: str, values: Mapping[str, object]) -> None:
        super().__init__(name)
        self.__dict__.update(values)
        self._lock = Lock()
        self._importer = get_ident()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        late = LateName(self, name)
        return late if get_ident() == self._importer else late.real()

    def give_way(self) -> None:
        """Let the next import of the module be a real one."""
        with self._lock:  # of two threads that see the stand-in only one may remove it: then there is the real one
            if sys.modules.get(self.__name__) is self:
                del sys.modules[self.__name__]


class LateName:
    """Stands for a class, a function or a module: can be called, asked for its attributes, and used in `isinstance`."""

    def __init__(self, module: _StandIn, name: str) -> None:
        self._module = module
        self._name = name

    def real(self) -> Any:
        """What it stands for."""
        self._module.give_way()
        module = import_module(self._module.__name__)
        try:
            return getattr(module, self._name)
        except AttributeError:  # as `from package import name` does
            return import_module(f"{module.__name__}.{self._name}")

    def __call__(self, *arguments: object, **named: object) -> Any:
        return self.real()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real(), name)

    def __instancecheck__(self, value: object) -> bool:
        return isinstance(value, self.real())
