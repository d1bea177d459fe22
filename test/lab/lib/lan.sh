# shellcheck shell=bash
# The LAN: a second segment that hosts are on with eth1 ('lab up N --lan'), in a namespace of its own. Its gateway answers ping,
# and so does an address behind it, which only this gateway leads to. Devices come and go: printers, strangers.

LAN_OUTSIDE=203.0.113.1
LAN_OUTSIDE6=2001:db8:113::1

lan_netns() { netns_of lan; }
has_lan() { [[ -e $RUN/lan ]]; }
lan_ip() { echo "198.19.$(subnet).$1"; }
lan_ip6() { echo "fd19:$(subnet)::$1"; }

lan_up() {
  local netns; netns=$(lan_netns)
  touch "$RUN/lan"
  ip netns add "$netns"
  netns_sysctls "$netns"
  ip -n "$netns" -batch - <<END
link set lo up
addr add $LAN_OUTSIDE/32 dev lo
addr add $LAN_OUTSIDE6/128 dev lo
link add lan0 address 02:00:00:00:01:fe type bridge forward_delay 0 mcast_snooping 0
addr add $(lan_ip 254)/24 dev lan0
addr add $(lan_ip6 254)/64 dev lan0 nodad
link set lan0 up
END
}

# A host's eth1, with an address of the LAN. Of one that is plugged in: nothing.
lan_plug() {
  local host=$1 number netns lan
  number=$(host_number "$host") netns=$(netns_of "$host") lan=$(lan_netns)
  ip -n "$netns" link show eth1 >/dev/null 2>&1 && return 0
  ip -n "$lan" link del "$host" 2>/dev/null || true
  ip -n "$lan" link add "$host" type veth peer name eth1 netns "$netns"
  ip -n "$lan" link set "$host" master lan0 up
  ip -n "$netns" -batch - <<END
addr add $(lan_ip "$number")/24 dev eth1
addr add $(lan_ip6 "$number")/64 dev eth1 nodad
link set eth1 up
END
}

# Takes eth1 away from the host, as a card that is pulled out.
lan_unplug() { ip -n "$(lan_netns)" link del "$1" 2>/dev/null || true; }

# device_on NAME ADDRESS/LENGTH.. : with the MAC that follows from its name, which is printed. It announces itself, as devices do.
device_on() {
  local name=$1 netns lan address digest mac; shift
  [[ $name =~ ^[a-z0-9]{1,10}$ ]] || die "lan: '$name' is no name of a device: a-z and 0-9, at most 10 characters"
  netns=$(netns_of "device-$name") lan=$(lan_netns) digest=$(md5sum <<<"$name")
  mac=$(sed 's/^\(..\)\(..\)\(..\)\(..\)\(..\).*/02:\1:\2:\3:\4:\5/' <<<"$digest")
  ip netns add "$netns"
  netns_sysctls "$netns"
  ip netns exec "$netns" sysctl -qw net.ipv4.conf.default.arp_notify=1 net.ipv6.conf.default.ndisc_notify=1
  ip -n "$netns" link set lo up
  ip -n "$lan" link add "d-$name" type veth peer name eth0 address "$mac" netns "$netns"
  for address in "$@"; do ip -n "$netns" addr add "$address" dev eth0 $([[ $address != *:* ]] || echo nodad); done
  ip -n "$lan" link set "d-$name" master lan0 up
  ip -n "$netns" link set eth0 up
  echo "$mac"
}
device_off() {
  ip -n "$(lan_netns)" link del "d-$1" 2>/dev/null || true
  ip netns del "$(netns_of "device-$1")" 2>/dev/null || true
}

lan_command() {
  has_lan || die "lab '$LAB' has no LAN: 'lab up N --lan' makes one"
  case ${1:-} in
    ip) lan_ip "${2:?}" ;;
    plug) check_host "${2:-}"; lan_plug "$2" ;;
    unplug) check_host "${2:-}"; lan_unplug "$2" ;;
    on) device_on "${@:2}" ;;
    off) device_off "${2:?}" ;;
    in) exec ip netns exec "$(netns_of "device-${2:?}")" "${@:3}" ;;
    *) die "lan: '${1:-}' is not understood: plug H, unplug H, on NAME ADDRESS/LENGTH.., off NAME, in NAME CMD.., ip N" ;;
  esac
}
