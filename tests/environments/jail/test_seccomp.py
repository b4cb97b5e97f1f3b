"""The filter, run instruction by instruction as the kernel would, for both architectures."""

from __future__ import annotations

import errno
import re
import socket
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakeful.environments.jail import seccomp
from wakeful.environments.jail.linux import AARCH64, ARCHITECTURES, NUMBERS, X86_64, Architecture

ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
HEADERS = {
    X86_64: Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    AARCH64: Path("/usr/include/asm-generic/unistd.h"),
}

EITHER = pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda architecture: architecture.name)
words = st.integers(0, 2**64 - 1)


def run(program: bytes, number: int, *arguments: int, audit: int) -> int:
    """What the kernel answers: a machine of one register, that reads the call and jumps forward."""
    padded = [*arguments, *([0] * (6 - len(arguments)))]
    call = struct.pack("<iIQ6Q", struct.unpack("<i", struct.pack("<I", number))[0], audit, 0, *padded)
    instructions = seccomp.instructions_of(program)
    register, place = 0, 0
    for _ in range(len(instructions)):
        code, yes, no, value = instructions[place]
        place += 1
        if code == 0x06:
            return value
        if code == 0x20:
            register = struct.unpack_from("<I", call, value)[0]
        elif code == 0x54:
            register &= value
        else:
            holds = {0x15: register == value, 0x35: register >= value, 0x45: bool(register & value)}[code]
            place += yes if holds else no
    raise AssertionError("the program did not return")


def answer(architecture: Architecture, number: int, *arguments: int, fenced: bool = False) -> int:
    program = (seccomp.among_host_processes if fenced else seccomp.in_namespaces)(architecture)
    return run(program, number, *arguments, audit=architecture.audit)


def number_of(numbers: tuple[int | None, int | None], architecture: Architecture) -> int:
    number = numbers[architecture.column]
    assert number is not None
    return number


@EITHER
def test_every_denied_call_answers_not_permitted(architecture: Architecture) -> None:
    for group in seccomp.DENIED.values():
        for name, numbers in group.items():
            number = numbers[architecture.column]
            if number is not None:
                assert answer(architecture, number) == ERRNO | errno.EPERM, name


@EITHER
def test_behind_landlock_what_it_does_not_see_answers_not_permitted(architecture: Architecture) -> None:
    for group in seccomp.DENIED_AMONG_HOST_PROCESSES.values():
        for name, numbers in group.items():
            number = numbers[architecture.column]
            if number is not None:
                assert answer(architecture, number, fenced=True) == ERRNO | errno.EPERM, name
                assert answer(architecture, number) == ALLOW, name


@EITHER
@given(pid=st.integers(0, 2**32 - 1))
def test_behind_landlock_nobody_sets_limits_and_priorities_of_another(architecture: Architecture, pid: int) -> None:
    for numbers in seccomp.ON_A_PROCESS.values():
        got = answer(architecture, number_of(numbers, architecture), pid, 1, 2, fenced=True)
        assert got == (ALLOW if pid == 0 else ERRNO | errno.EPERM)


@EITHER
@given(flags=words)
def test_behind_landlock_sending_never_connects(architecture: Architecture, flags: int) -> None:
    for numbers, place in seccomp.SENDING.values():
        arguments = [0] * place + [flags]
        got = answer(architecture, number_of(numbers, architecture), *arguments, fenced=True)
        assert got == (ERRNO | errno.EPERM if flags & seccomp.MSG_FASTOPEN else ALLOW)
        assert answer(architecture, number_of(numbers, architecture), *arguments) == ALLOW


@EITHER
def test_what_the_c_library_can_do_without_answers_not_implemented(architecture: Architecture) -> None:
    for numbers in seccomp.NOT_IMPLEMENTED.values():
        assert answer(architecture, number_of(numbers, architecture)) == ERRNO | errno.ENOSYS


@EITHER
@given(number=st.integers(seccomp.KNOWN_UP_TO + 1, 2**32 - 1))
def test_calls_that_nobody_has_looked_at_are_not_implemented(architecture: Architecture, number: int) -> None:
    assert answer(architecture, number) == ERRNO | errno.ENOSYS


@EITHER
@given(number=st.integers(0, seccomp.KNOWN_UP_TO), arguments=st.lists(words, max_size=6))
def test_every_other_call_is_allowed_whatever_its_arguments(
    architecture: Architecture, number: int, arguments: list[int]
) -> None:
    denied = {numbers[architecture.column] for group in seccomp.DENIED.values() for numbers in group.values()}
    denied |= {numbers[architecture.column] for numbers in seccomp.NOT_IMPLEMENTED.values()}
    by_argument = {
        rule[architecture.column] for rule in (seccomp.SOCKET, seccomp.SOCKET_PAIR, seccomp.CLONE, seccomp.IOCTL)
    }
    if number not in denied | by_argument:
        assert answer(architecture, number, *arguments) == ALLOW


@EITHER
@given(number=words.map(lambda word: word & 0xFFFFFFFF), audit=words.map(lambda word: word & 0xFFFFFFFF))
def test_another_architectures_call_kills(architecture: Architecture, number: int, audit: int) -> None:
    if audit != architecture.audit:
        assert run(seccomp.in_namespaces(architecture), number, audit=audit) == KILL


@given(number=st.integers(0, 2**30 - 1))
def test_the_x32_calls_are_not_implemented(number: int) -> None:
    assert answer(X86_64, 0x40000000 + number) == ERRNO | errno.ENOSYS


@EITHER
@given(flags=words)
def test_a_fork_may_not_make_namespaces(architecture: Architecture, flags: int) -> None:
    makes_some = bool(flags & 0x7E020000)
    expected = ERRNO | errno.EPERM if makes_some else ALLOW
    assert answer(architecture, number_of(seccomp.CLONE, architecture), flags) == expected


@EITHER
@given(family=st.integers(0, 60), kind=st.integers(0, 2**20), high=st.integers(0, 2**32 - 1))
def test_sockets_are_of_our_own_network_only(architecture: Architecture, family: int, kind: int, high: int) -> None:
    got = answer(architecture, number_of(seccomp.SOCKET, architecture), family | high << 32, kind, 0)
    allowed = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
    assert got == (ALLOW if family in allowed else ERRNO | errno.EAFNOSUPPORT)


@EITHER
@given(protocol=st.integers(0, 2**32 - 1))
def test_netlink_is_for_routes_only(architecture: Architecture, protocol: int) -> None:
    got = answer(architecture, number_of(seccomp.SOCKET, architecture), socket.AF_NETLINK, 3, protocol)
    assert got == (ALLOW if protocol == 0 else ERRNO | errno.EPROTONOSUPPORT)


@EITHER
@given(
    family=st.sampled_from([1, 2, 10, 16, 17, 40]),
    kind=st.integers(0, 15),
    flags=st.sampled_from([0, 0x800, 0x80000, 0x80800]),
    protocol=st.sampled_from([0, 1, 6, 17, 132, 262]),
)
def test_behind_landlock_sockets_are_tcp_only(
    architecture: Architecture, family: int, kind: int, flags: int, protocol: int
) -> None:
    """Not MPTCP or SCTP either, which are streams as well."""
    got = answer(architecture, number_of(seccomp.SOCKET, architecture), family, kind | flags, protocol, fenced=True)
    if family not in (socket.AF_INET, socket.AF_INET6):
        assert got == ERRNO | errno.EAFNOSUPPORT
    else:
        is_tcp = kind == socket.SOCK_STREAM and protocol in (0, socket.IPPROTO_TCP)
        assert got == (ALLOW if is_tcp else ERRNO | errno.EACCES)


@EITHER
@given(kind=st.integers(0, 15), flags=st.sampled_from([0, 0x800, 0x80000, 0x80800]))
def test_behind_landlock_pairs_of_sockets_are_streams(architecture: Architecture, kind: int, flags: int) -> None:
    pair = number_of(seccomp.SOCKET_PAIR, architecture)
    got = answer(architecture, pair, socket.AF_UNIX, kind | flags, fenced=True)
    assert got == (ALLOW if kind == socket.SOCK_STREAM else ERRNO | errno.EACCES)


@EITHER
@given(family=st.integers(0, 60))
def test_pairs_of_sockets_are_unix_only(architecture: Architecture, family: int) -> None:
    got = answer(architecture, number_of(seccomp.SOCKET_PAIR, architecture), family, 1, 0)
    assert got == (ALLOW if family == socket.AF_UNIX else ERRNO | errno.EAFNOSUPPORT)


@EITHER
@given(request=words)
def test_requests_to_a_terminal_that_type_are_refused_whatever_their_upper_half(
    architecture: Architecture, request: int
) -> None:
    ioctl = number_of(seccomp.IOCTL, architecture)
    for typing in (0x5412, 0x541C):
        assert answer(architecture, ioctl, 0, typing | request & 0xFFFFFFFF00000000) == ERRNO | errno.EPERM
    if request & 0xFFFFFFFF not in (0x5412, 0x541C):
        assert answer(architecture, ioctl, 0, request) == ALLOW


@EITHER
def test_no_jump_is_longer_than_the_kernel_takes(architecture: Architecture) -> None:
    for program in (seccomp.in_namespaces(architecture), seccomp.among_host_processes(architecture)):
        instructions = seccomp.instructions_of(program)
        assert len(instructions) < 4096
        for place, (code, yes, no, _) in enumerate(instructions):
            assert code == 0x06 or place + 1 + max(yes, no) < len(instructions)


@EITHER
def test_numbers_are_those_of_the_kernels_headers(architecture: Architecture) -> None:
    header = HEADERS[architecture]
    if not header.exists():
        pytest.skip(f"{header} is not on this host")
    pattern = re.compile(r"#define __NR(?:3264)?_(\w+)\s+(\d+)")
    known = {found[1]: int(found[2]) for found in map(pattern.match, header.read_text().splitlines()) if found}
    ours: dict[str, int | None] = {name: numbers[architecture.column] for name, numbers in NUMBERS.items()}
    more = (
        seccomp.NOT_IMPLEMENTED,
        seccomp.ON_A_PROCESS,
        {name: numbers for name, (numbers, _) in seccomp.SENDING.items()},
    )
    for group in (*seccomp.DENIED.values(), *seccomp.DENIED_AMONG_HOST_PROCESSES.values(), *more):
        ours |= {name: numbers[architecture.column] for name, numbers in group.items()}
    ours |= {"socket": seccomp.SOCKET[architecture.column], "clone": seccomp.CLONE[architecture.column]}
    ours |= {"socketpair": seccomp.SOCKET_PAIR[architecture.column], "ioctl": seccomp.IOCTL[architecture.column]}
    wrong = {name: number for name, number in ours.items() if name in known and number != known[name]}
    assert wrong == {}
    assert [name for name, number in ours.items() if number is None and name in known] == []


def test_a_template_enters_namespaces_only_if_its_tracer_lets_it() -> None:
    program = seccomp.in_namespaces(X86_64, is_template=True)
    groups = seccomp.DENIED["namespaces"]
    assert run(program, number_of(groups["setns"], X86_64), audit=X86_64.audit) == 0x7FF00000  # SECCOMP_RET_TRACE
    assert run(program, number_of(groups["unshare"], X86_64), audit=X86_64.audit) == 0x00050000 | errno.EPERM


@pytest.mark.parametrize("option", [0, 3, 4, 5, 38])
def test_who_is_watched_from_afar_cannot_hide(option: int) -> None:
    program = seccomp.in_namespaces(X86_64, stays_visible=True)
    hides = option == 4  # PR_SET_DUMPABLE
    wanted = 0x00050000 | errno.EPERM if hides else 0x7FFF0000
    assert run(program, number_of(seccomp.PRCTL, X86_64), option, audit=X86_64.audit) == wanted
