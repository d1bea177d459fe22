# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used in the other parts
# What every part of the lab shares: where things are, how errors and progress are told, how to wait.

LAB=${XNET_LAB:-lab}
RUN_ROOT=/run/xnet-lab
DISK_ROOT=/var/lib/xnet-lab
RUN=$RUN_ROOT/$LAB    # what lives as long as the lab is up: pids, logs, settings
DISK=$DISK_ROOT/$LAB  # what is big: the hosts' overlay layers, /var/lib/docker, /var/lib/xnet
CACHE=${XNET_LAB_CACHE:-/var/cache/xnet-lab}
SOURCE=${XNET_LAB_SOURCE:-${LAB_DIR%/*/*}}

say() { printf 'lab: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Milliseconds since some fixed time, without starting a process.
now_ms() { local t=${EPOCHREALTIME/[.,]/}; echo $((t / 1000)); }

# What still runs after so many seconds hangs, under whatever load. What has ended is not waited for.
HUNG=240

# wait_until SECONDS CMD.. : polls until CMD succeeds; fails when the time is over.
wait_until() {
  local end=$(($(now_ms) + $1 * 1000)); shift
  until "$@"; do
    (($(now_ms) < end)) || return 1
    sleep 0.03
  done
}

# wait_while_running PID CMD.. : polls until CMD succeeds; fails when the process has ended without that, or hangs.
wait_while_running() {
  local pid=$1; shift
  wait_until "$HUNG" succeeds_or_ended "$pid" "$@" && "$@"
}
succeeds_or_ended() { "${@:2}" || process_has_ended "$1"; }

# An init ends after all of its processes; a zombie has ended (whoever is its parent has not asked yet).
process_has_ended() {
  local stat
  { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
  [[ ${stat##*) } == [ZX]* ]]
}

check_root() { ((EUID == 0)) || die "needs root (namespaces, mounts): run it with sudo"; }

check_name() {
  [[ $LAB =~ ^[a-z0-9_][a-z0-9_-]{0,30}$ ]] || die "XNET_LAB='$LAB' is no lab name: use a-z, 0-9, - and _, at most 31 characters"
}

lab_is_up() { [[ -e $RUN/subnet ]]; }
check_up() { lab_is_up || die "lab '$LAB' is not up: run 'lab up 2' first (labs that are up: $(list_labs | xargs))"; }

list_labs() {
  local file
  for file in "$RUN_ROOT"/*/subnet; do [[ -e $file ]] && basename "$(dirname "$file")"; done
  return 0
}

list_hosts() { (cd "$RUN/hosts" 2>/dev/null && printf '%s\n' * | sort -V) | grep -v '^\*$' || true; }
list_docker_hosts() { list_hosts | grep '^h' || true; }
list_etcd_hosts() { list_hosts | grep '^etcd' || true; }

check_host() {
  check_up
  [[ -n ${1:-} && -d $RUN/hosts/$1 ]] || die "no host '${1:-}' in lab '$LAB'; it has: $(list_hosts | xargs)"
}

# The last lines of a log, to put under an error message.
show_log_end() { say "the end of $1:"; tail -n 15 "$1" 2>/dev/null | sed 's/^/  | /' >&2; }

# One lab's up and down never overlap, also when an up was killed and what it began goes on for a while: that holds the
# lock too. `lab_lock -s` is for what may run side by side (reboots).
lab_lock() {
  local file=$RUN_ROOT/.locks/$LAB
  mkdir -p "${file%/*}"
  while :; do
    exec 8>"$file"
    flock "$@" 8
    # Not so when a `lab down` that we waited for has removed the file.
    [[ ! /proc/self/fd/8 -ef $file ]] || return 0
  done
}

# For a (sub)shell that becomes a background process: it keeps nothing of the caller's open, no lock and no pipe.
close_fds() {
  local fd
  exec </dev/null
  for fd in "/proc/$BASHPID/fd"/*; do
    fd=${fd##*/}
    if ((fd > 2 && fd < 200)); then eval "exec $fd>&-"; fi
  done
}

# run_all MESSAGE FUNCTION ITEM.. : FUNCTION for every item, all at the same time; ends with MESSAGE when one fails.
# (It ends by itself because in `run_all .. || die` bash would let the functions go on after an error.)
run_all() {
  local message=$1 function=$2 item pid failed=0 pids=(); shift 2
  for item in "$@"; do ( "$function" "$item" ) & pids+=($!); done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  ((failed == 0)) || die "$message"
}
