# shellcheck shell=bash
# What runs on the hosts: dockerd, xnet and etcd.

# --- dockerd

# dockerd_start HOST [dockerd arguments..]
dockerd_start() {
  local host=$1 log; shift; log=$(log_of "$host" dockerd)
  if has_systemd "$host"; then
    wait_until "$HUNG" host_enter "$host" systemctl start docker.service 2>/dev/null || die "docker.service on $host did not start: see 'lab in $host journalctl -b'"
    return
  fi
  ! daemon_runs "$host" dockerd || die "dockerd already runs on $host"
  host_daemon "$host" dockerd dockerd "$@"
  dockerd_wait "$host" || { show_log_end "$log"; die "dockerd on $host did not start"; }
}

# dockerd opens its socket early and answers when it is ready: one request waits for that.
# shellcheck disable=SC2016
dockerd_wait() {
  host_enter "$1" sh -c 'end=$(($(date +%s) + $1))
    until curl -sf -m 30 -o /dev/null --unix-socket /run/docker.sock http://docker/_ping; do
      kill -0 "$(cat /run/lab/dockerd.pid)" && [ "$(date +%s)" -lt $end ] || exit 1
      sleep 0.05
    done' sh "$HUNG" 2>/dev/null
}

dockerd_command() {
  local host=$1 action=${2:-}; shift 2 || true
  refuse_systemd "$host"
  case $action in
    start) dockerd_start "$host" "$@" ;;
    stop) daemon_end "$host" dockerd TERM ;;
    kill) daemon_end "$host" dockerd KILL ;;
    restart) daemon_end "$host" dockerd TERM; dockerd_start "$host" "$@" ;;
    *) die "dockerd: start, stop, kill or restart?" ;;
  esac
}

# --- xnet

XNET_SOCKET=/run/docker/plugins/xnet.sock

# Without etcd each host is a cluster of its own.
xnet_store() {
  local host list=""
  for host in $(list_etcd_hosts); do list+=,$(host_ip "$host"):2379; done
  if [[ -z $list ]]; then echo embedded; elif tls_is_on; then echo "etcds://${list#,}"; else echo "etcd://${list#,}"; fi
}

# The arguments and the XNET_* settings of the last start that had any hold until others are given, as a unit file's do.
xnet_remember() {
  local dir; dir=$(host_dir "$1"); shift
  if [[ ${1:-} == -- ]]; then shift; printf '%s\0' "$@" >"$dir/xnet.args"; (($#)) || : >"$dir/xnet.args"; fi
  local settings; settings=$(env | grep '^XNET_' | grep -v '^XNET_LAB') || true
  [[ -z $settings ]] || echo "$settings" >"$dir/xnet.env"
  touch "$dir/xnet.args" "$dir/xnet.env"
}

# xnet_start HOST [-- arguments..]
xnet_start() {
  local host=$1 XNET_COMMAND
  ! daemon_runs "$host" xnet || die "xnet already runs on $host"
  if daemon_runs "$host" xnet-unit; then
    (($# == 1)) || die "xnet on $host has its arguments from its unit: 'lab xnet $host units off' first"
  else
    xnet_remember "$@"
    xnet_find_command "$host"
    host_daemon "$host" xnet "${XNET_COMMAND[@]}"
  fi
  xnet_wait "$host" || { show_log_end "$(log_of "$host" xnet)"; die "xnet on $host did not open $XNET_SOCKET"; }
}

# Fills XNET_COMMAND with what is run on the host.
xnet_find_command() {
  local host=$1 dir args=() settings=(); dir=$(host_dir "$host")
  xnet_is_built || die "xnet is not built ($(<"$RUN/source")/dist/main.js is missing): build it, then 'lab xnet $host start'"
  mapfile -d '' args <"$dir/xnet.args"
  mapfile -t settings <"$dir/xnet.env"
  # shellcheck disable=SC2046
  XNET_COMMAND=(env XNET_LOG_FORMAT=json XNET_LOG_LEVEL=debug "${settings[@]}"
    node /opt/xnet/bin/xnet serve --store "$(xnet_store)" $(tls_xnet_args) "${args[@]}")
}

# xnet_units HOST [on [-- arguments..] | off] : on, the socket is there and the first connection to it starts xnet.
xnet_units() {
  local host=$1 action=${2:-on} XNET_COMMAND; shift; shift || true
  daemon_end "$host" xnet-unit KILL
  daemon_end "$host" xnet TERM
  # As RemoveOnStop= says; nobody shall take it for the next one's.
  host_enter "$host" rm -f "$XNET_SOCKET"
  rm -f "$(host_dir "$host")/xnet.units"
  case $action in
    off) ;;
    on)
      xnet_remember "$host" "$@"
      touch "$(host_dir "$host")/xnet.units"
      xnet_find_command "$host"
      host_enter "$host" mkdir -p -m 700 "${XNET_SOCKET%/*}"
      ln -sf "$host.xnet.log" "$(log_of "$host" xnet-unit)"
      host_daemon "$host" xnet-unit perl /opt/xnet/test/lab/lib/unit.pl "$XNET_SOCKET" /run/lab/xnet.pid \
        /opt/xnet/plugin/fail-open "${XNET_COMMAND[@]}"
      wait_until "$HUNG" host_enter "$host" test -S "$XNET_SOCKET" || die "no socket of xnet on $host: see 'lab logs $host xnet'" ;;
    *) die "xnet units: on or off?" ;;
  esac
}

xnet_is_built() { [[ -e $(<"$RUN/source")/dist/main.js ]]; }

# A killed xnet leaves its socket file behind: only an answer shows that somebody listens.
# shellcheck disable=SC2016
xnet_wait() {
  host_enter "$1" sh -c 'end=$(($(date +%s) + $2))
    until curl -s -m 30 -o /dev/null --unix-socket "$1" -X POST http://xnet/Plugin.Activate; do
      kill -0 "$(cat /run/lab/xnet.pid)" && [ "$(date +%s)" -lt $end ] || exit 1
      sleep 0.05
    done' sh "$XNET_SOCKET" "$HUNG" 2>/dev/null
}

xnet_command() {
  local host=$1 action=${2:-}; shift 2 || true
  refuse_systemd "$host"
  case $action in
    start) xnet_start "$host" "$@" ;;
    stop) daemon_end "$host" xnet TERM ;;
    kill) daemon_end "$host" xnet KILL ;;
    crash) xnet_crash "$host" ;;
    upgrade) xnet_upgrade "$host" ;;
    units) xnet_units "$host" "$@" ;;
    restart) daemon_end "$host" xnet TERM; xnet_start "$host" "$@" ;;
    logs) show_log "$host" xnet "$@" ;;
    *) die "xnet: start, stop, kill, crash, upgrade, units, restart or logs?" ;;
  esac
}

# The keeper's child, by the number that the host knows it under.
xnet_daemon_pid() { host_enter "$1" sh -c 'pgrep -o -P "$(cat /run/lab/xnet.pid)"' 2>/dev/null; }

# The daemon alone. Returns at once: what is called meanwhile waits for the next one.
xnet_crash() {
  local pid
  pid=$(xnet_daemon_pid "$1") || die "no daemon of xnet runs on $1"
  host_enter "$1" kill -s KILL "$pid"
}

xnet_upgrade() {
  local host=$1 old
  old=$(xnet_daemon_pid "$host") || die "no daemon of xnet runs on $host"
  daemon_signal "$host" xnet HUP
  wait_until "$HUNG" xnet_has_other_daemon "$host" "$old" || die "xnet on $host still runs the daemon $old $HUNG s after SIGHUP: see 'lab logs $host xnet'"
  xnet_wait "$host" || { show_log_end "$(log_of "$host" xnet)"; die "xnet on $host does not answer after the upgrade"; }
}
xnet_has_other_daemon() {
  local pid
  pid=$(xnet_daemon_pid "$1") && [[ $pid != "$2" ]]
}

# Only where it was started before: a host boots with the services it had. With units its socket is enough for dockerd.
xnet_start_again() {
  local dir; dir=$(host_dir "$1")
  if [[ -e $dir/xnet.units ]]; then xnet_units "$1"; elif [[ -e $dir/xnet.args ]]; then xnet_start "$1"; fi
}

# --- etcd: every member is a host of its own

etcd_start() {
  local host=$1 ip scheme v2=(); ip=$(host_ip "$1") scheme=$(etcd_scheme)
  ! daemon_runs "$host" etcd || return 0
  [[ ! -e $RUN/etcd-v2 ]] || v2=(--enable-v2)
  # shellcheck disable=SC2046
  host_daemon "$host" etcd etcd $(tls_etcd_args) "${v2[@]}" $(etcd_identity "$host") \
    --listen-client-urls "$scheme://0.0.0.0:2379" --advertise-client-urls "$scheme://$ip:2379" \
    --listen-peer-urls "http://$ip:2380"
}

# What a member's data directory is made with, also out of a snapshot.
etcd_identity() {
  local peers="" member
  for member in $(list_etcd_hosts); do peers+=,$member=http://$(host_ip "$member"):2380; done
  echo --name "$1" --data-dir /var/lib/etcd --initial-advertise-peer-urls "http://$(host_ip "$1"):2380" \
    --initial-cluster "${peers#,}" --initial-cluster-token "$LAB"
}

# Ready when it answers a read, which needs a leader.
etcd_wait() {
  wait_until "$HUNG" etcd_answers_or_ended "$1" && daemon_runs "$1" etcd || { show_log_end "$(log_of "$1" etcd)"; die "etcd on $1 did not become ready"; }
}
etcd_answers_or_ended() { etcd_answers "$1" || ! daemon_runs "$1" etcd; }
etcd_answers() { etcdctl_on "$1" get ready >/dev/null 2>&1; }

# By itself it gives up after 5 s, in which a member on a busy machine may not have come to comparing a password.
etcdctl_on() {
  local host=$1; shift
  # shellcheck disable=SC2046
  host_enter "$host" env ETCDCTL_API=3 etcdctl --endpoints "${ETCD_ENDPOINTS:-$(etcd_scheme)://$(host_ip "$host"):2379}" --command-timeout 15s $(tls_etcdctl_args) "$@"
}

etcd_start_all() {
  run_all "etcd did not start" etcd_start "$@"
  run_all "etcd did not start" etcd_wait "$@"
}

# etcd_command ACTION [etcdN] ARGS.. : without a member, all of them.
etcd_command() {
  local action=${1:-} members host; shift || true
  members=$(list_etcd_hosts)
  [[ -n $members ]] || die "lab '$LAB' has no etcd (it was made with --etcd 0)"
  if [[ ${1:-} == etcd[0-9]* ]]; then check_host "$1"; members=$1; shift; fi
  # shellcheck disable=SC2086
  case $action in
    start) etcd_start_all $members ;;
    stop) for host in $members; do daemon_end "$host" etcd TERM; done ;;
    kill) for host in $members; do daemon_end "$host" etcd KILL; done ;;
    freeze) for host in $members; do daemon_signal "$host" etcd STOP || die "etcd does not run on $host"; done ;;
    thaw) for host in $members; do daemon_signal "$host" etcd CONT || die "etcd does not run on $host"; done ;;
    ctl) etcdctl_any "$members" "$@" ;;
    snapshot) etcd_snapshot "${members%%$'\n'*}" "$@" ;;
    restore) etcd_restore "$@" ;;
    *) die "etcd: start, stop, kill, freeze, thaw, ctl, snapshot or restore?" ;;
  esac
}

etcdctl_any() {
  local host list="" members=$1; shift
  for host in $members; do list+=,$(etcd_scheme)://$(host_ip "$host"):2379; done
  ETCD_ENDPOINTS=${list#,} etcdctl_on "${members%%$'\n'*}" "$@"
}

# etcd_snapshot HOST FILE : what this member has now, in a file of the machine.
etcd_snapshot() {
  local host=$1 file=${2:-}
  [[ -n $file ]] || die "etcd snapshot: into which file?"
  etcdctl_on "$host" snapshot save /tmp/snapshot >/dev/null 2>&1 || die "etcd on $host gave no snapshot: does it run?"
  host_enter "$host" cat /tmp/snapshot >"$file"
}

# etcd_restore FILE : every member loses what it has, and starts with what is in the snapshot.
etcd_restore() {
  local file=${1:-} members host
  [[ -s $file ]] || die "etcd restore: '$file' is no snapshot ('lab etcd snapshot FILE' makes one)"
  members=$(list_etcd_hosts)
  for host in $members; do daemon_end "$host" etcd KILL; done
  for host in $members; do etcd_unpack "$host" "$file" || die "etcd on $host did not take the snapshot $file"; done
  # shellcheck disable=SC2086
  etcd_start_all $members
}

# Of etcd 3.6 and later etcdutl restores; before, etcdctl does too.
# shellcheck disable=SC2016
etcd_unpack() {
  host_enter "$1" sh -c 'cat >/tmp/snapshot && rm -rf /var/lib/etcd && tool=$(command -v etcdutl || command -v etcdctl) &&
    ETCDCTL_API=3 $tool snapshot restore /tmp/snapshot "$@"' sh $(etcd_identity "$1") <"$2" >/dev/null 2>&1
}

# show_log HOST dockerd|xnet|etcd|boot [tail arguments..]
show_log() {
  local file; file=$(log_of "$1" "${2:-}")
  [[ -e $file ]] || die "no log of '${2:-}' on $1; there are: $(cd "$RUN/log" && echo "$1".*)"
  if (($# > 2)); then tail "${@:3}" "$file"; else cat "$file"; fi
}
