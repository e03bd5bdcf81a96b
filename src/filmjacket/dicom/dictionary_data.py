"""The tables of PS3.6 and of known private dictionaries, as pydicom carries them: its data files and nothing else.

Importing the package would bring NumPy, Pillow and an HTTP client: a second and 40 MB in each server process, for what
are literals in three files.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from types import ModuleType

Row: TypeAlias = tuple[str, str, str, str, str]
"""VR, VM, name, "Retired" or "", keyword."""


def public() -> dict[int, Row]:
    """Rows of PS3.6 by tag."""
    return _load("_dicom_dict").DicomDictionary


def repeaters() -> dict[str, Row]:
    """Rows of repeating groups by tag with `x` for what varies, such as `60xx0010` (PS3.5 7.6)."""
    return _load("_dicom_dict").RepeatersDictionary


def private() -> dict[str, dict[str, tuple[str, str, str, str]]]:
    """VR, VM, name and whether retired, by private creator and tag with `xx` for the block (PS3.5 7.8.1)."""
    return _load("_private_dict").private_dictionaries


def uids() -> dict[str, tuple[str, str, str, str, str]]:
    """Name, kind and so on of registered UIDs (PS3.6 Annex A)."""
    return _load("_uid_dict").UID_dictionary


@cache
def _load(name: str) -> ModuleType:
    if "pydicom" in sys.modules:
        return import_module(f"pydicom.{name}")
    package = find_spec("pydicom")
    for folder in (package.submodule_search_locations or ()) if package else ():
        path = Path(folder) / f"{name}.py"
        spec = spec_from_file_location(f"{__name__}.{name}", path) if path.exists() else None
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    return import_module(f"pydicom.{name}")
