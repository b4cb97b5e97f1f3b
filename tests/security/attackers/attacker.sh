#!/bin/sh
# Attacks with what a shell has, as a custom runtime's bootstrap. See tests/security/test_attackers.py for the protocol.

quietly() { "$@" >/dev/null 2>&1; }
gained() { echo "$attack $1"; }

reach() {
  kind=${1%%/*} where=${1#*/}
  case "$kind" in
    tcp) quietly timeout 1 bash -c ": <>/dev/$1" ;;
    # The second is refused where the first was not taken.
    udp) quietly bash -c "exec 3<>/dev/$1 && echo >&3 && echo >&3" ;;
    name) quietly getent ahosts "$where" ;;
    unix) talked --unix-socket "$where" ;;
    abstract) talked --abstract-unix-socket "$where" ;;
  esac
}

# Whatever was said, somebody was there: only what comes after connecting fails so.
talked() {
  quietly curl --max-time 0.5 "$@" http://nobody/
  case $? in 0 | 28 | 52 | 56) return 0 ;; *) return 1 ;; esac
}

search() {
  needle=$(echo "$1" | rev) && shift
  for root in "$@"; do
    for place in "$root" "${root%/}"/*; do
      case "$place" in / | /usr | /proc | /sys | /dev | /bin | /lib* | /sbin) continue ;; esac
      grep -rlsF --devices=skip -- "$needle" "$place" | while read -r path; do gained "$path"; done
    done
  done
  for process in /proc/[0-9]*; do
    for name in environ cmdline; do grep -qsaF -- "$needle" "$process/$name" && gained "$process/$name"; done
  done
}

descriptors() {
  number=3
  while [ $number -lt 64 ]; do
    target=$(readlink "/proc/$$/fd/$number") && [ "$target" != "$(readlink -f "$script")" ] && gained "$target"
    number=$((number + 1))
  done
}

try() {
  attack=$1 && shift
  case "$attack" in
    read) for word in "$@"; do if [ -d "$word" ]; then quietly ls "$word"; else quietly head -c 1 "$word"; fi && gained "$word"; done ;;
    write) for word in "$@"; do (: >>"$word") 2>/dev/null && gained "$word"; done ;;
    signal) for word in "$@"; do quietly kill -0 "$word" && gained "$word"; done ;;
    look) for word in "$@"; do quietly head -c 1 "/proc/$word/environ" && gained "$word"; done ;;
    reach) for word in "$@"; do reach "$word" && gained "$word"; done ;;
    search) search "$@" ;;
    descriptors) descriptors ;;
    calls)
      quietly mount -t tmpfs none /nothing/there && gained mount
      quietly unshare --user true && gained unshare
      quietly nsenter --target 1 --net true && gained setns
      quietly chroot / true && gained chroot
      ;;
    *) echo "unknown $attack" ;;
  esac
}

script=$0
echo "$ATTACKS" | while read -r line; do try $line; done
echo done
exit 0
