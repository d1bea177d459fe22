# shellcheck shell=bash
# The managed plugin instead of xnet on the hosts: a registry that all reach at their own loopback (Docker asks no
# certificate of one there), the plugin pushed to it from h1, and installed from it.

REGISTRY=127.0.0.1:5000

# Debian's package, unpacked into the cache and not installed: that would start a service.
registry_fetch() {
  say "fetching Debian's docker-registry"
  mkdir -p "$2"
  (cd "$2" && { registry_download || { apt-get update -qq && registry_download; }; } && dpkg -x docker-registry_*.deb . && rm docker-registry_*.deb) \
    >"$CACHE/registry.log" 2>&1 || { show_log_end "$CACHE/registry.log"; die "could not fetch the package docker-registry"; }
}
# As root, apt-get drops to _apt for downloads, which may not write into our directory.
registry_download() { apt-get -o APT::Sandbox::User=root download docker-registry; }

registry_start() {
  local netns host
  ! registry_answers || return 0
  make_once "$CACHE/registry" registry_fetch docker-registry
  netns=$(switch_netns)
  cat >"$RUN/registry.yml" <<END
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $DISK/registry }, delete: { enabled: true } }
http: { addr: $(switch_ip):5000 }
END
  # Nothing in the lab may send traces anywhere.
  switch_run "$netns" env OTEL_TRACES_EXPORTER=none "$CACHE/registry/usr/bin/docker-registry" serve "$RUN/registry.yml"
  for host in $(list_docker_hosts); do registry_show "$host"; done
  wait_until "$HUNG" registry_answers || { show_log_end "$RUN/log/switch.log"; die "the registry does not answer"; }
}
registry_show() {
  daemon_runs "$1" registry ||
    host_daemon "$1" registry socat "TCP4-LISTEN:${REGISTRY#*:},bind=${REGISTRY%:*},reuseaddr,fork" "TCP4:$(switch_ip):5000"
}
registry_answers() { host_enter h1 curl -sf -m 2 -o /dev/null "http://$REGISTRY/v2/"; }

# plugin_command push VERSION | install [H..] [-- SETTING=VALUE..]
plugin_command() {
  local action=${1:-}; shift || true
  case $action in
    push) plugin_push "${1:-1}" ;;
    install) plugin_install "$@" ;;
    *) die "plugin: push or install?" ;;
  esac
}

plugin_push() {
  registry_start
  host_enter h1 /opt/xnet/plugin/publish --local --version "$1.0.0" "$REGISTRY/xnet:$1" >&2
}

plugin_install() {
  local hosts=()
  while (($#)) && [[ $1 != -- ]]; do check_host "$1"; hosts+=("$1"); shift; done
  shift || true
  # shellcheck disable=SC2207
  ((${#hosts[@]})) || hosts=($(list_docker_hosts))
  PLUGIN_SETTINGS=("XNET_STORE=$(xnet_store)" XNET_LOG_FORMAT=json XNET_LOG_LEVEL=debug)
  if tls_is_on; then PLUGIN_SETTINGS+=("XNET_ETCD_CA=$TLS_DIR/ca.pem" "XNET_ETCD_CERT=$TLS_DIR/client.pem" "XNET_ETCD_KEY=$TLS_DIR/client-key.pem"); fi
  PLUGIN_SETTINGS+=("$@")
  run_all "the plugin could not be installed everywhere" plugin_install_on "${hosts[@]}"
  # One after the other: Docker gives a plugin 12 s to open its socket, which may be short on a machine that others load.
  local host
  for host in "${hosts[@]}"; do host_enter "$host" docker plugin enable xnet:latest >&2; done
}
plugin_install_on() {
  host_enter "$1" docker plugin install --disable --grant-all-permissions --alias xnet:latest "$REGISTRY/xnet:1" "${PLUGIN_SETTINGS[@]}" >&2
}
