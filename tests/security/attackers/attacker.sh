#!/bin/sh
# Attacks with what a shell has, as a custom runtime's bootstrap. See tests/security/test_attackers.py for the protocol.

quietly() { "$@" >/dev/null 2>&1; }

case "$ATTACK" in
  read) for word in $WORDS; do if [ -d "$word" ]; then quietly ls "$word"; else quietly head -c 1 "$word"; fi && echo "$word"; done ;;
  write) for word in $WORDS; do (: >>"$word") 2>/dev/null && echo "$word"; done ;;
  signal) for word in $WORDS; do quietly kill -0 "$word" && echo "$word"; done ;;
  look) for word in $WORDS; do quietly head -c 1 "/proc/$word/environ" && echo "$word"; done ;;
  calls)
    quietly mount -t tmpfs none /tmp && echo mount
    quietly unshare --user true && echo unshare
    quietly nsenter --target 1 --net true && echo setns
    quietly chroot / true && echo chroot
    ;;
  *) exit 3 ;;
esac
exit 0
