# shellcheck shell=bash
# A host: boot, enter, run something in the background, kill.

host_dir() { echo "$RUN/hosts/$1"; }
host_engine() { cat "$(host_dir "$1")/engine"; }
has_systemd() { [[ -e $RUN/hosts/$1/systemd ]]; }
refuse_systemd() { ! has_systemd "$1" || die "systemd runs the services of $1: see 'lab in $1 systemctl'"; }
# A host with systemd has the xnet that is installed on it, or none.
list_hosts_for_xnet() { local host; for host in $(list_docker_hosts); do has_systemd "$host" || echo "$host"; done; }
host_pid() {
  local pid
  { read -r pid <"$RUN/hosts/$1/pid"; } 2>/dev/null || die "host '$1' is not running: 'lab reboot $1' boots it"
  echo "$pid"
}
log_of() { echo "$RUN/log/$1.$2.log"; }

node_binary() {
  local node
  node=$(command -v "${XNET_LAB_NODE:-node}") || die "no 'node' on this machine: install Node.js 20 or newer, or set XNET_LAB_NODE to its path"
  node=$("$node" -p process.execPath)
  (($("$node" -p 'process.versions.node.split(".")[0]') >= 20)) || die "$node is older than version 20: set XNET_LAB_NODE to a newer one"
  echo "$node"
}

# host_create HOST ENGINE systemd|'' SOURCE : what stays the same over reboots.
host_create() {
  local host=$1 engine=$2 source=$4
  mkdir -p "$(host_dir "$host")" "$DISK/$host"
  echo "$engine" >"$(host_dir "$host")/engine"
  echo "$source" >"$(host_dir "$host")/source"
  if [[ $3 == systemd ]]; then touch "$(host_dir "$host")/systemd"; fi
}

host_boot() {
  local host=$1 dir log; dir=$(host_dir "$host") log=$(log_of "$host" boot)
  rm -f "$dir/ready" "$dir/pid"
  port_plug "$host"
  if has_lan && [[ $host == h* ]]; then lan_plug "$host"; fi
  cgroup_make "$host"
  (
    cgroup_join "$host"
    close_fds
    exec setsid nsenter --net="/run/netns/$(netns_of "$host")" \
      unshare --mount --uts --ipc --pid --cgroup --fork --propagation private \
      bash "$LIB/host-init.sh" "$dir" "$host" "$(tree_path "$(host_engine "$host")")" "$DISK/$host" "$(<"$dir/source")" \
      "$(<"$RUN/node")" "$(host_ip "$host")" "$(switch_ip)" "$(has_systemd "$host" && echo systemd || echo tini)" >>"$log" 2>&1
  ) &
  wait_while_running $! test -s "$dir/ready" || { show_log_end "$log"; die "host $host did not boot"; }
}

# host_entry HOST : fills ENTRY with the command that enters all of the host's namespaces and runs what follows it, in
# a clean environment but for XNET_* settings. What is run gets SIGTERM when the entering process ends: its parent is
# outside of the host's PID namespace, and it would be left over when the caller is killed.
host_entry() {
  local pid name settings=()
  pid=$(host_pid "$1")
  for name in $(compgen -e XNET_); do [[ $name == XNET_LAB* ]] || settings+=("$name=${!name}"); done
  ENTRY=(nsenter -t "$pid" -m -u -i -n -p -C -r -w /usr/bin/setpriv --pdeathsig TERM /usr/bin/env -i
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "TERM=${TERM:-dumb}"
    "${settings[@]}")
}

host_enter() {
  local ENTRY
  host_entry "$1"
  "${ENTRY[@]}" "${@:2}"
}

# The same as the last thing this script does: a signal to it then reaches what runs in the host.
host_exec() {
  host_entry "$1"
  exec "${ENTRY[@]}" "${@:2}"
}

# host_daemon HOST NAME CMD.. : starts a background process whose parent is the host's init, as a service's is.
host_daemon() {
  local host=$1 name=$2; shift 2
  (
    cgroup_join "$host"
    close_fds
    # shellcheck disable=SC2016
    host_enter "$host" sh -c 'name=$1; shift; setsid "$@" & echo $! >"/run/lab/$name.pid"' sh "$name" "$@"
  ) >>"$(log_of "$host" "$name")" 2>&1
}

# daemon_signal HOST NAME SIGNAL : TERM and HUP to the daemon, others to its whole process group. Fails when it does not run.
# shellcheck disable=SC2016
daemon_signal() {
  local whole=-
  [[ $3 != TERM && $3 != HUP ]] || whole=""
  host_enter "$1" sh -c 'pid=$(cat "/run/lab/$1.pid") && kill -s "$2" -- "$3$pid"' sh "$2" "$3" "$whole" 2>/dev/null
}
# As long as anything of its process group is there.
daemon_runs() { daemon_signal "$1" "$2" 0; }

# daemon_end HOST NAME SIGNAL : sends the signal and waits for the end; a daemon that does not run is ended already.
daemon_end() {
  local pid
  # Read once: a daemon with a supervisor is soon another one.
  pid=$(host_enter "$1" cat "/run/lab/$2.pid" 2>/dev/null) && daemon_signal "$1" "$2" "$3" || return 0
  wait_until "$HUNG" group_is_gone "$1" "$pid" || die "$2 on $1 still runs $HUNG s after SIG$3: see 'lab logs $1 $2', or kill it"
}
# shellcheck disable=SC2016
group_is_gone() { ! host_enter "$1" sh -c 'kill -s 0 -- "-$1"' sh "$2" 2>/dev/null; }

# Ends everything that was started in the netns, by its pid. The host's init is among it, and with that goes the rest.
netns_kill() {
  local pids pid
  for _ in {1..20}; do
    pids=$(ip netns pids "$1" 2>/dev/null | xargs) || true
    [[ -n $pids ]] || return 0
    # shellcheck disable=SC2086
    kill -9 $pids 2>/dev/null || true
    for pid in $pids; do wait_until "$HUNG" process_has_ended "$pid" || die "cannot kill process $pid in $1: see 'ip netns pids $1'"; done
  done
  die "new processes keep starting in $1: see 'ip netns pids $1'"
}

# Pulls the plug: the disk stays, everything else goes.
host_kill() {
  netns_kill "$(netns_of "$1")"
  rm -f "$(host_dir "$1")/pid"
  cgroup_remove "$1"
  if has_lan; then lan_unplug "$1"; fi
  port_unplug "$1"
}
