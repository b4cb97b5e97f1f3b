"""The jail: a small launcher process and the sandboxes it makes.

Everything in this folder runs in the launcher, which the node starts as a bare interpreter without site-packages:
modules here import the standard library and each other (relatively), nothing else.

    node ── sandboxes.py ──socket──▶ launcher ──fork──▶ keeper (pid 1 of a sandbox) ──fork──▶ runtime process

    messages    what the node and the launcher, the launcher and its keepers say to each other
    main        where the launcher process begins
    launcher    makes cells ahead of need, hands them their assignment, kills, freezes, reports; never waits
    cells       one sandbox as the launcher sees it
    host        what this host gives: namespaces, users, control groups
    loop        descriptors, timers, messages that wait to be sent
    keeper      looks after one runtime process: builds the walls, starts it, reaps, reports how it ended
    stem        a warm runtime process without a function, from which cells are forked
    entry       how a process goes behind walls of namespaces, also in the runtime's own interpreter
    walls       what every kind of wall can do:
      namespaces    a root, processes, a network of its own (tiers A and B)
      process       an ordinary process, fenced in by Landlock (tier C) or not at all (none)
    root        the file tree that a sandbox with namespaces sees
    seccomp     the system calls that a function may make
    landlock    the files and ports that are left to an ordinary process
    cgroups     memory, CPU, process count, freezing; cgroup_trees finds where we may have them
    processes   what /proc says, for where there are no control groups
    linux       system calls that the standard library lacks
"""
