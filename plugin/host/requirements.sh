# shellcheck shell=bash
# What a host must have for xnet. Each check says what is missing, and what to install.

readonly LEAST_NODE=20.11

check_node() {
  local node=$1 version
  [[ -x $node ]] || die "there is no program $node: install Node.js $LEAST_NODE or newer, or name one with --node FILE"
  version=$("$node" -p process.versions.node) || die "$node does not run: name another Node.js with --node FILE"
  printf '%s\n' "$LEAST_NODE" "$version" | sort -CV ||
    die "$node is version $version, xnet needs $LEAST_NODE or newer: install that, or name one with --node FILE"
}

check_commands() {
  local pair command
  for pair in ip:iproute2 bridge:iproute2 nft:nftables nsenter:util-linux; do
    command=${pair%:*}
    PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null ||
      die "the command $command is missing: install the package ${pair#*:} (apt install ${pair#*:})"
  done
}

# Tried in a network namespace that is gone at the end.
check_kernel() {
  local words
  words=$(unshare --net sh -ec 'ip link add name probe-br type bridge; ip link add name probe-a type veth peer name probe-b
    ip link add name probe-vx type vxlan id 1 dstport 4789 local 127.0.0.1' 2>&1) ||
    die "this kernel cannot make bridge, veth or VXLAN devices ($words): load the modules bridge, veth and vxlan (modprobe)"
  words=$(unshare --net nft 'add table ip xnet; add chain ip xnet output { type nat hook output priority -105; }' 2>&1) ||
    die "this kernel has no NAT by nftables ($words): load the modules nf_tables and nft_chain_nat (modprobe)"
  printf '%s\n' 5.6 "$(uname -r)" | sort -CV ||
    say "note: Linux $(uname -r) is older than 5.6: Docker's calls are refused while xnet is upgraded or starts again"
}

# check_program PROGRAM NODE : its native parts are of this machine.
check_program() {
  "$2" "$1/bin/xnet" --version >/dev/null || die "the program does not run with $2 (see above): run \"npm install\" again on this machine"
  (cd "$1" && "$2" --input-type=module -e 'await import("koffi"); await import("lmdb")') ||
    die "native parts of the program do not load with $2 (see above): run \"npm install\" again on this machine"
}
