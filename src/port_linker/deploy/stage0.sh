# port-linker, stage 0: says what this machine has, then becomes Python or ends. POSIX sh.
#
# All of it is functions and one call at the end, so that the shell has read the whole text before
# anything runs: some shells read ahead, and what comes on stdin after this text is not for them.

# Says what Python would have said, if there is none.
pl_system() {
    set -- $(uname -s -m 2>/dev/null)
    printf 'os=%s\narch=%s\nuid=%s\n' "$1" "$2" "$(id -u 2>/dev/null)"
}

# Reports one Python as "python=VERSION PATH"; true if it is new enough (3.9). PATH is what it says
# of itself: a version manager's wrapper costs more than the Python behind it. It also knows the
# system, which spares processes. -E and -S are known to every Python since 2.3 and spare the time of
# site.py; posix is built in.
pl_python() {
    path=$(command -v "$1" 2>/dev/null) || return 1
    case $path in /*) ;; *) return 1 ;; esac
    case $seen in *" $path "*) return 1 ;; esac
    seen="$seen $path "
    found=$("$path" -E -S -c 'import posix, sys
system = posix.uname()
print("%d.%d.%d %s" % (sys.version_info[:3] + (sys.executable or sys.argv[1],)))
print("os=%s\narch=%s\nuid=%d" % (system[0], system[4], posix.getuid()))
' "$path" </dev/null 2>/dev/null) || found="? $path"
    printf 'python=%s\n' "$found"
    case $found in 3.9.* | 3.[1-9][0-9].* | [4-9].*) return 0 ;; esac
    return 1
}

# The plain name first: nearly always it is good, and each further try costs a process.
pl_pythons() {
    seen=
    if [ -n "$wanted" ]; then
        pl_python "$wanted"
        return
    fi
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python3.9 \
        /usr/bin/python3 /usr/local/bin/python3 /opt/bin/python3 "${HOME:-}/.local/bin/python3" \
        /run/current-system/sw/bin/python3 /usr/libexec/platform-python python; do
        pl_python "$name" && return
    done
    return 1
}

# Reports one directory as "dir=FACTS PATH": w if a file can be written there, x if it then runs.
# True if both. The file is made anew (noclobber), under a name that nobody can know before.
pl_dir() {
    case $1 in /*) ;; *) return 1 ;; esac
    [ -d "$1" ] || return 1
    probe="$1/.port-linker-$nonce" facts=
    set -C
    if { printf '#!/bin/sh\nexit 0\n' >"$probe"; } 2>/dev/null; then
        facts=w
        chmod 700 "$probe" 2>/dev/null && "$probe" 2>/dev/null && facts=wx
    fi
    set +C
    [ -e "$probe" ] && rm -f "$probe"
    printf 'dir=%s %s\n' "${facts:--}" "$1"
    [ "$facts" = wx ]
}

pl_dirs() {
    [ -n "${HOME:-}" ] && [ ! -e "$HOME/.cache" ] && mkdir "$HOME/.cache" 2>/dev/null
    for dir in "${HOME:+$HOME/.cache}" "${XDG_RUNTIME_DIR:-}" /var/tmp /tmp /dev/shm; do
        pl_dir "$dir" && return
    done
}

port_linker() {
    nonce=@NONCE@ wanted=@PYTHON@
    umask 077
    unset IFS
    set -f
    # A terminal in between would echo and change bytes; let it pass them as they are.
    [ -t 0 ] && stty raw -echo 2>/dev/null
    # The halves of the marker stand apart here, so that an echo of this text is not taken for it.
    printf '\n%s %s begin\n' PL1-STAGE0 "$nonce"
    pl_pythons || pl_system
    pl_dirs
    printf '%s %s end\n' PL1-STAGE0 "$nonce"
    read -r verb size python || exit 0
    [ "$verb" = run ] || exit 0
    # Reads exactly SIZE bytes, a compressed program, and runs it; what follows is for the program.
    exec "$python" -I -S -c '
import os, sys, zlib
size, parts = int(sys.argv[1]), []
while size > 0:
    part = os.read(0, size)
    if not part:
        sys.exit(0)
    parts.append(part)
    size -= len(part)
exec(compile(zlib.decompress(b"".join(parts)), "attacher", "exec"))
' "$size"
}

port_linker
