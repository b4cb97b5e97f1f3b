"""What a function's module does in INIT so that a copy of it, or what is held, does more for it than it should."""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.environments.conftest import MakeWorld
from tests.environments.test_origins import inits, namespaced, together
from tests.environments.test_restorable import restorable
from tests.environments.world import held, until
from wakeful.environments.jail import linux, processes
from wakeful.environments.sandboxes import LaunchedSandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(linux.architecture() is not linux.X86_64, reason="nothing is copied on this machine"),
]

PREPARED = """
import ctypes, os, signal, struct, threading, time, uuid

libc = ctypes.CDLL(None, use_errno=True)
CLONE, FORK, EXIT, CLONE_VM, CLONE_FILES = 56, 57, 60, 0x100, 0x400
HERE = str(uuid.uuid4())

def handler(event, context):
    return HERE

"""

REFUSED = {
    "a timer that a fork does not inherit": "signal.setitimer(signal.ITIMER_REAL, 99)\n",
    "a fork that shares its memory": ("os.fork = lambda: libc.syscall(CLONE, CLONE_VM | signal.SIGCHLD, 0, 0, 0, 0)\n"),
    "a fork that shares its descriptors": (
        "os.fork = lambda: libc.syscall(CLONE, CLONE_FILES | signal.SIGCHLD, 0, 0, 0, 0)\n"
    ),
    "a process whose first thread has ended": """
if os.fork() == 0:
    threading.Thread(target=time.sleep, args=(99,)).start()
    libc.syscall(EXIT, 0)
time.sleep(0.1)  # until it has, or the test would be of something else
""",
    "a filter that answers for the kernel": """
program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0x7FFF0000))
libc.prctl(22, 2, struct.pack("HxxxxxxQ", 1, ctypes.addressof(program)))
""",
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_could_reach_into_the_fork_is_not_copied(
    make_world: MakeWorld, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "wakeful.environments.origins")
    async with namespaced(make_world) as world:
        version = restorable(world, PREPARED + REFUSED[what])
        assert await world.pool.park(version)
        assert len(set(await together(world, version, 2))) == 2
        assert len([record for record in caplog.records if "could not be copied" in record.message]) == 1


REGISTERS = """
def fork():
    return libc.syscall(FORK, CLONE_VM | CLONE_FILES, 0, 0, 0, 0)
os.fork = fork
SEEN = []
def handler(event, context):
    SEEN.append(event)
    return [HERE, SEEN]
"""


async def test_what_a_fork_leaves_in_unused_registers_means_nothing(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, PREPARED + REGISTERS)
        assert await world.pool.park(version)
        answers = await together(world, version, 2, "mine")
        assert [seen for _, seen in answers] == [["mine"], ["mine"]]
        assert len({here for here, _ in answers}) == 1


SEQUENCE = """
import mmap
# fork as a restartable sequence of one instruction: whoever is interrupted there goes on at `aborted`, which notes it.
page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
at = ctypes.addressof(ctypes.c_char.from_buffer(page))
NOTED, DESCRIBED, BEGIN, ABORTED = 0, 32, 64, 128
offset = ctypes.c_ssize_t.in_dll(libc, "__rseq_offset").value
libc.pthread_self.restype = ctypes.c_uint64
pointer = libc.pthread_self() + offset + 8
begin = b"\\x48\\xb8" + struct.pack("<Q", pointer) + b"\\x48\\xb9" + struct.pack("<Q", at + DESCRIBED)
begin += b"\\x48\\x89\\x08" + b"\\xb8\\x39\\x00\\x00\\x00"  # mov [rax], rcx; mov eax, 57
call = BEGIN + len(begin)
page[BEGIN:call + 3] = begin + b"\\x0f\\x05\\xc3"  # syscall; ret
aborted = b"\\x48\\xbb" + struct.pack("<Q", at + NOTED) + b"\\xff\\x03"  # inc dword [rbx]
aborted += b"\\xe9" + struct.pack("<i", call - (ABORTED + len(aborted) + 5))  # jmp call
page[ABORTED - 4:ABORTED] = struct.pack("<I", 0x53053053)
page[ABORTED:ABORTED + len(aborted)] = aborted
page[DESCRIBED:DESCRIBED + 32] = struct.pack("<IIQQQ", 0, 0, at + call, 2, at + ABORTED)
os.fork = ctypes.PYFUNCTYPE(ctypes.c_int)(at + BEGIN)
def handler(event, context):
    return struct.unpack_from("<I", page, NOTED)[0]
"""


async def test_what_is_held_runs_no_restartable_sequence(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, PREPARED + SEQUENCE)
        assert await world.pool.park(version)
        assert await together(world, version, 3) == [0, 0, 0]
        assert inits(world) == 1


GROUP = """
def handler(event, context):
    if event == "all":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(0, signal.SIGTERM)
        os.kill(0, signal.SIGCONT)
    return [HERE, os.getpgrp() == os.getpid() == os.getsid(0)]
"""


async def test_a_copy_is_a_process_group_of_its_own(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, PREPARED + GROUP)
        assert await world.pool.park(version)
        async with held(world.pool, version) as one, held(world.pool, version) as other:
            (first, alone) = json.loads((await one.invoke(world.invocation("all"))).payload)
            outcome = await other.invoke(world.invocation())
            assert outcome.error is None, "it was signalled by another environment"
            assert json.loads(outcome.payload) == [first, True]
            assert alone
        assert await asyncio.wait_for(world.answer(version), 5) == [first, True]
        assert inits(world) == 1


UNREADABLE = """
os.close(os.open("/tmp/closed", os.O_CREAT | os.O_WRONLY, 0))
os.mkdir("/tmp/dark")
open("/tmp/dark/inside", "w").close()
os.chmod("/tmp/dark", 0)
"""


async def test_what_is_closed_to_its_owner_is_copied_too(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        code = "def handler(event, context): return [HERE, oct(os.stat('/tmp/closed').st_mode & 0o777)]\n"
        version = restorable(world, PREPARED + UNREADABLE + code)
        assert await world.pool.park(version)
        answers = await together(world, version, 2)
        assert answers[0] == answers[1]
        assert answers[0][1] == "0o0"


async def test_a_name_that_is_no_text_ends_nobody(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, PREPARED + "libc.prctl(15, b'\\xff\\x0b\\x1c', 0, 0, 0)\n")
        assert await world.pool.park(version)
        answers = await together(world, version, 3)
        assert len(set(answers)) == 1
        assert inits(world) == 1


DEEP = """
for _ in range(40):
    os.mkdir("d" * 200) if os.getcwd() != "/var/task" else os.mkdir("/tmp/" + "d" * 200)
    os.chdir("d" * 200 if os.getcwd() != "/var/task" else "/tmp/" + "d" * 200)
os.chdir("/var/task")
"""


async def test_sandboxes_for_copies_that_cannot_be_made_are_not_tried_forever(make_world: MakeWorld) -> None:
    async with namespaced(make_world) as world:
        version = restorable(world, PREPARED + DEEP)
        assert await world.pool.park(version)
        origin = world.pool._origins.find(version.key)
        assert origin is not None and isinstance(origin.process.sandbox, LaunchedSandbox)
        keeper = origin.process.sandbox._keeper
        looks = [0.0]

        def rests() -> bool:
            looks.append(processes.use([keeper], 1 << 40).cpu_s)
            return len(looks) > 30 and looks[-1] == looks[-30]

        await until(rests)
        assert len(set(await together(world, version, 2))) == 2
