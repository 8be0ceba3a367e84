"""Whether a package is still what was generated: the hashes in its manifest, checked."""

__all__ = ["changed_files", "check_unchanged", "files_as_written", "with_hashes"]

import contextlib
import hashlib
from pathlib import Path, PurePosixPath

from msgspec.structs import replace

from hwgen.errors import StoreError
from hwgen.files import read_file, read_json
from hwgen.package.manifest import LONGEST as LONGEST_MANIFEST
from hwgen.package.manifest import MANIFEST, Manifest

LONGEST = 1 << 32  # bytes of a file of a package


def _used(manifest: Manifest) -> tuple[str, ...]:
    """Return the files that say what a package computes."""
    return (manifest.verilog, manifest.network, *manifest.primitives)


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(read_file(path, LONGEST)).hexdigest()
    except FileNotFoundError as error:
        raise StoreError(f"{path} is missing; generate the package again") from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error


def changed_files(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """Return which of Verilog, network and models of cells are not what was generated.

    Raises
    ------
    StoreError : one of them cannot be read
    """
    written = manifest.files
    return tuple(name for name in _used(manifest) if _hash(folder / name) != written.get(name))


def check_unchanged(folder: Path, manifest: Manifest) -> None:
    """Refuse a package that is not what was generated.

    Raises
    ------
    StoreError : names the files that were changed
    """
    found = changed_files(folder, manifest)
    if found:
        raise StoreError(
            f"{folder}: {', '.join(found)} {'are' if len(found) > 1 else 'is'} not what was "
            "generated, by the hashes in manifest.json; generate the package again, or say that "
            "the change is yours: --changed, in Python changed=True"
        )


def with_hashes(folder: Path, manifest: Manifest) -> Manifest:
    """Return the manifest of a package that its user has changed, with the hashes of today."""
    found = {name: _hash(folder / name) for name in _used(manifest)}
    return replace(manifest, files={**manifest.files, **found})


def files_as_written(folder: Path) -> set[str]:
    """Return the files of a package that have the hashes in its manifest, and the manifest,
    whatever version of hwgen wrote it; none where it is no package."""
    with contextlib.suppress(StoreError):
        found = read_json(folder / MANIFEST, LONGEST_MANIFEST, missing="", again="")
        if not isinstance(found, dict) or found.get("generator") != "hwgen":
            return set()
        hashes = found.get("files")
        if not isinstance(hashes, dict):
            return set()
        kept = {MANIFEST}
        for name, digest in hashes.items():
            if ".." in PurePosixPath(name).parts or PurePosixPath(name).is_absolute():
                return set()
            with contextlib.suppress(StoreError):
                kept |= {name} if _hash(folder / name) == digest else set()
        # what is no package's claims nothing: its Verilog and its network are there as written
        own = {found.get(what) for what in ("verilog", "network")}
        return kept if own <= kept else set()
    return set()
