# What the scripts beside this one share. Source it; the working directory is the project's root.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# The first Python of at least 3.11, or the one that PYTHON names. Asked by running it, because a name on
# PATH proves nothing: version managers put one there for versions that are not installed.
find_python() {
    local candidate
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3 python}; do
        if "$candidate" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    if [ -n "${PYTHON:-}" ]; then
        die "PYTHON is '$PYTHON', which is not a Python of 3.11 or later that runs. Name another, or leave it out."
    fi
    die "Aimwell needs Python 3.11 or later, and none was found.
  Debian 12, Ubuntu 24.04:  apt-get install python3 python3-venv
  Elsewhere:                install it from your system's packages, or name it: make PYTHON=/path/to/python"
}

# need WHAT PACKAGE...: install packages of the system, or say which ones and stop.
need() {
    local what=$1
    shift
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "$what is missing. Please install it and run make again.
  Debian, Ubuntu:  sudo apt-get install $*
  Elsewhere:       the packages of your system that hold the same"
    fi
    say "Installing $what with apt-get ($*) …"
    mkdir -p .make
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"; } \
        </dev/null >.make/apt.log 2>&1; then
        tail -n 20 .make/apt.log >&2
        die "apt-get could not install $what ($*). The whole of what it said is in .make/apt.log."
    fi
}
