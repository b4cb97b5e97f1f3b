"""A native library for Java, of the two things about its own process that a JVM cannot change.

A waiting JVM starts before /var/task is there and before the function's variables are known. Functions open files
beside their code by relative names, and the processes they start inherit what the C library has for an environment. A
host with a JVM need not have a C compiler, so the library, an ELF file of about a kilobyte, is written here: its
headers, its symbols, and seven instructions.
"""

from __future__ import annotations

import platform
import struct
from dataclasses import dataclass

CHANGE_DIRECTORY = b"Java_wakeful_cell_Native_changeDirectory"
"""chdir(2). The third argument, after JNI's own two, is the address of the path; the result is the system call's."""

REPLACE_ENVIRONMENT = b"Java_wakeful_cell_Native_replaceEnvironment"
"""The third argument is the new value of the C library's `environ`, whose address the loader puts into our slot."""

_ENVIRON = b"environ"


@dataclass(frozen=True, slots=True)
class _Architecture:
    machine: int
    relocation: int
    """GLOB_DAT: a symbol's address goes into a slot."""


_ARCHITECTURES = {"x86_64": _Architecture(62, 6), "aarch64": _Architecture(183, 1025)}

_HEADER, _SEGMENT, _SYMBOL, _RELOCATION = 64, 56, 24, 24
_SHARED_OBJECT = 3
_LOAD, _DYNAMIC, _STACK = 1, 2, 0x6474E551
_EXECUTE, _WRITE, _READ = 1, 2, 4
_HASH, _STRINGS, _SYMBOLS, _RELOCATIONS, _RELOCATIONS_SIZE, _RELOCATION_SIZE = 4, 5, 6, 7, 8, 9
_STRINGS_SIZE, _SYMBOL_SIZE = 10, 11
_GLOBAL_FUNCTION, _GLOBAL_OBJECT = 0x12, 0x11
_PAGE = 0x10000  # the largest that either architecture has


def library(machine: str | None = None) -> bytes:
    """The file for this machine, or for the one that is named."""
    machine = machine or platform.machine()
    architecture = _ARCHITECTURES[machine]
    names = b"\0" + b"\0".join((CHANGE_DIRECTORY, REPLACE_ENVIRONMENT, _ENVIRON)) + b"\0"
    symbols = _HEADER + 4 * _SEGMENT
    strings = symbols + 4 * _SYMBOL
    hashes = _aligned(strings + len(names))
    relocations = _aligned(hashes + 7 * 4)
    directory = _aligned(relocations + _RELOCATION)
    environment = directory + 16
    written = environment + 16  # from here on the loader writes, so it is mapped apart from the code
    slot = written + _PAGE
    dynamic = written + 16
    entries = [(_HASH, hashes), (_STRINGS, strings), (_STRINGS_SIZE, len(names))]
    entries += [(_SYMBOLS, symbols), (_SYMBOL_SIZE, _SYMBOL)]
    entries += [(_RELOCATIONS, relocations), (_RELOCATIONS_SIZE, _RELOCATION), (_RELOCATION_SIZE, _RELOCATION), (0, 0)]
    size = 16 * len(entries)

    parts = {
        0: _file_header(architecture.machine),
        _HEADER: _segment(_LOAD, _READ | _EXECUTE, 0, 0, written, _PAGE)
        + _segment(_LOAD, _READ | _WRITE, written, slot, 16 + size, _PAGE)
        + _segment(_DYNAMIC, _READ | _WRITE, dynamic, slot + 16, size, 8)
        + _segment(_STACK, _READ | _WRITE, 0, 0, 0, 16),
        symbols: bytes(_SYMBOL)
        + _symbol(names.index(CHANGE_DIRECTORY), _GLOBAL_FUNCTION, 1, directory, 16)
        + _symbol(names.index(REPLACE_ENVIRONMENT), _GLOBAL_FUNCTION, 1, environment, 16)
        + _symbol(names.index(_ENVIRON), _GLOBAL_OBJECT, 0, 0, 0),
        strings: names,
        hashes: struct.pack("<7I", 1, 4, 1, 0, 2, 3, 0),  # one bucket, in which every symbol leads to the next
        relocations: struct.pack("<QQq", slot, 3 << 32 | architecture.relocation, 0),
        directory: _change_directory(machine),
        environment: _replace_environment(machine, slot - environment),
        dynamic: b"".join(struct.pack("<QQ", *entry) for entry in entries),
    }
    file = bytearray(dynamic + size)
    for place, content in parts.items():
        file[place : place + len(content)] = content
    return bytes(file)


def _change_directory(machine: str) -> bytes:
    if machine == "aarch64":
        # mov x0, x2; mov x8, #49; svc #0; ret
        return struct.pack("<4I", 0xAA0203E0, 0xD2800628, 0xD4000001, 0xD65F03C0)
    # mov rdi, rdx; mov eax, 80; syscall; ret
    return bytes.fromhex("4889d7 b850000000 0f05 c3")


def _replace_environment(machine: str, distance: int) -> bytes:
    """`distance` is that of the slot from the first instruction."""
    if machine == "aarch64":
        # ldr x3, slot; str x2, [x3]; ret
        return struct.pack("<3I", 0x58000003 | distance // 4 << 5, 0xF9000062, 0xD65F03C0)
    # mov rax, [rip + slot]; mov [rax], rdx; ret
    return bytes.fromhex("488b05") + struct.pack("<i", distance - 7) + bytes.fromhex("488910 c3")


def _file_header(machine: int) -> bytes:
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    rest = (_SHARED_OBJECT, machine, 1, 0, _HEADER, 0, 0, _HEADER, _SEGMENT, 4, 0, 0, 0)
    return identity + struct.pack("<HHIQQQIHHHHHH", *rest)


def _segment(kind: int, rights: int, place: int, address: int, size: int, alignment: int) -> bytes:
    return struct.pack("<IIQQQQQQ", kind, rights, place, address, address, size, size, alignment)


def _symbol(name: int, kind: int, section: int, address: int, size: int) -> bytes:
    return struct.pack("<IBBHQQ", name, kind, 0, section, address, size)


def _aligned(place: int) -> int:
    return -(-place // 16) * 16
