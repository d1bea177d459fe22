# shellcheck shell=bash
# The lab's switch: a bridge in a network namespace of its own, joined to nothing but the lab's hosts. Its own address
# stands for "the outside": it answers ping, HTTP on port 80, echo on port 7 (TCP and UDP) and DNS (outside.lab is its
# address), and forwards nothing but between the others and a host that 'lab route' has put behind it.

subnet() { cat "$RUN/subnet"; }
mtu() { cat "$RUN/mtu"; }
netns_of() { echo "xnet-lab-$LAB-$1"; }
switch_netns() { netns_of switch; }

# The last part of a host's address: h1 -> 1, etcd1 -> 101.
host_number() { case $1 in etcd*) echo $((100 + ${1#etcd})) ;; *) echo "${1#h}" ;; esac; }
host_ip() { echo "198.18.$(subnet).$(host_number "$1")"; }
host_ip6() { echo "fd18:$(subnet)::$(host_number "$1")"; }
switch_ip() { echo "198.18.$(subnet).254"; }
switch_ip6() { echo "fd18:$(subnet)::254"; }

# Takes the lowest third part of 198.18.x that no lab uses; made with noclobber, so two labs never get the same one.
subnet_claim() {
  local number taken
  mkdir -p "$RUN" "$RUN_ROOT/.subnets"
  for number in {1..250}; do
    taken=$RUN_ROOT/.subnets/$number
    if (set -o noclobber; echo "$LAB" >"$taken") 2>/dev/null; then echo "$number" >"$RUN/subnet"; return; fi
  done
  die "no free lab subnet: 'lab down --all' ends every lab"
}

subnet_release() {
  local file
  for file in "$RUN_ROOT"/.subnets/*; do
    if [[ -e $file && $(<"$file") == "$LAB" ]]; then rm -f "$file"; fi
  done
}

# A new netns takes over some of the machine's settings: these are what a fresh Debian host has.
netns_sysctls() {
  ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv6.conf.default.accept_ra=0
}

# sw0's MAC is given: a bridge otherwise takes the lowest of its ports', and a host that is added or rebooted then leaves
# the others with a stale neighbour.
switch_up() {
  local netns; netns=$(switch_netns)
  ip netns add "$netns"
  netns_sysctls "$netns"
  ip -n "$netns" -batch - <<END
link set lo up
link add sw0 mtu $(mtu) address 02:00:00:00:00:fe type bridge forward_delay 0 mcast_snooping 0
addr add $(switch_ip)/24 dev sw0
addr add $(switch_ip6)/64 dev sw0 nodad
link set sw0 up
END
  switch_serve
}

switch_serve() {
  local netns; netns=$(switch_netns)
  mkdir -p "$RUN/www"
  echo "hello from outside" >"$RUN/www/index.html"
  switch_run "$netns" busybox httpd -f -p 80 -h "$RUN/www"
  switch_run "$netns" "$(<"$RUN/node")" "$LIB/echo.mjs"
  switch_run "$netns" "$(<"$RUN/node")" "$LIB/dns.mjs" "$(switch_ip)"
}

switch_run() {
  local netns=$1; shift
  (close_fds; exec setsid nsenter --net="/run/netns/$netns" "$@" >>"$RUN/log/switch.log" 2>&1) &
}

# A host's netns with its cable (eth0) to the switch's port, which has the host's name.
port_plug() {
  local host=$1 netns switch
  netns=$(netns_of "$host") switch=$(switch_netns)
  ip netns add "$netns"
  netns_sysctls "$netns"
  ip -n "$switch" link add "$host" mtu "$(mtu)" type veth peer name eth0 mtu "$(mtu)" netns "$netns"
  ip -n "$switch" link set "$host" master sw0 up
  ip -n "$netns" -batch - <<END
link set lo up
addr add $(host_ip "$host")/24 dev eth0
addr add $(host_ip6 "$host")/64 dev eth0 nodad
link set eth0 up
route add default via $(switch_ip)
route add ::/0 via $(switch_ip6)
END
}

# Deleting the switch's end takes the other with it at once; left to the netns, it would go some time later.
port_unplug() {
  ip -n "$(switch_netns)" link del "$1" 2>/dev/null || true
  ip netns del "$(netns_of "$1")" 2>/dev/null || true
}

# A pulled cable, which the host sees; or, silent, a switch that passes nothing on although the cable is in.
port_cut() {
  case ${2:-} in
    "") ip -n "$(switch_netns)" link set "$1" down ;;
    --silent) bridge -n "$(switch_netns)" link set dev "$1" state disabled ;;
    *) die "partition: '$2' is not understood; --silent keeps the host's link up" ;;
  esac
}
# The switch becomes a router to the host, and answers ARP for it and to it: addresses and routes of all hosts stay as they are.
port_route() {
  local host=$1 switch device; switch=$(switch_netns)
  ip netns exec "$switch" sysctl -qw net.ipv4.ip_forward=1
  for device in sw0 "$host"; do
    ip netns exec "$switch" sysctl -qw "net.ipv4.conf.$device.proxy_arp=1" "net.ipv4.conf.$device.rp_filter=0" \
      "net.ipv4.neigh.$device.proxy_delay=0"
  done
  ip -n "$switch" -batch - <<END
link set $host nomaster
route replace $(host_ip "$host")/32 dev $host
END
  port_announce
}
# A router that takes over announces it, and all forget the MACs that they have.
port_announce() {
  local netns
  for netns in /run/netns/"$(netns_of '')"*; do ip -n "${netns##*/}" neigh flush dev eth0 2>/dev/null || true; done
}
port_heal() {
  if ip -n "$(switch_netns)" route del "$(host_ip "$1")/32" 2>/dev/null; then
    ip -n "$(switch_netns)" link set "$1" master sw0
    port_announce
  fi
  ip -n "$(switch_netns)" link set "$1" up
  # Refused until the kernel has seen that the cable is in.
  wait_until "$HUNG" port_forward "$1" || die "the switch does not forward for $1 again"
}
port_forward() { bridge -n "$(switch_netns)" link set dev "$1" state forwarding 2>/dev/null; }
port_state() { bridge -n "$(switch_netns)" -j link show dev "$1" 2>/dev/null | jq -r 'if .[0].flags | index("LOWER_UP") then .[0].state else "pulled" end'; }
