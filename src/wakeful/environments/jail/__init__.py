"""The jail: a small launcher process and the sandboxes it makes.

Everything in this folder runs in the launcher, which the node starts as a bare interpreter without site-packages:
modules here import the standard library and each other (relatively), nothing else.

    node ── sandboxes.py ──socket──▶ launcher ──fork──▶ keeper (pid 1 of a sandbox) ──fork──▶ runtime process

    messages    what the node and the launcher, the launcher and its keepers say to each other
    launcher    one loop: makes cells ahead of need, hands them their assignment, kills, freezes, reports
    keeper      looks after one runtime process: builds the walls, starts it, reaps, reports how it ended
    walls       what is around a runtime process; one module for each kind:
      namespaces    its own root, processes, network (tiers A and B)
      fence         Landlock around an ordinary process (tier C), or nothing (none)
    root        the file tree a sandbox sees
    seccomp     the system calls a sandbox may make
    cgroups     memory, CPU, process count; freezing
    processes   what /proc says where there are no cgroups
    linux       system calls that the standard library lacks
"""
