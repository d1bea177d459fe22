# shellcheck shell=bash
# What is made once and kept in the cache: per engine a Debian tree, the images' tars, and a /var/lib/docker that has
# the images loaded. Each lies in a directory named after a hash of its recipe: a changed recipe makes a new one.

ENGINES="28 26 20.10"
MACHINE_COMMANDS="debootstrap ip nft jq nsenter unshare busybox socat openssl gcc musl-gcc"
MACHINE_PACKAGES="debootstrap iproute2 nftables jq util-linux busybox-static socat openssl debian-archive-keyring gcc musl-tools"
TREE_PACKAGES="docker.io iproute2 iptables nftables iputils-ping etcd-server etcd-client procps kmod tini
  busybox-static tcpdump conntrack ethtool iperf3 socat bind9-dnsutils curl jq openssl ca-certificates
  wireguard-go wireguard-tools"
TREE_RECIPE=1  # raise it when tree_finish changes

engine_suite() {
  case $1 in
    28) echo forky ;;
    26) echo trixie ;;
    20.10) echo bookworm ;;
    *) die "no engine '$1': choose one of $ENGINES" ;;
  esac
}

# bookworm's docker.io has the command line in it, and its docker-compose is the former one, in Python; later suites
# have packages of their own. Its systemd boots where the machine has cgroup v1, which later ones refuse.
# shellcheck disable=SC2086
engine_packages() { echo $TREE_PACKAGES "$([[ $1 == 20.10 ]] && echo systemd || echo docker-cli docker-compose)"; }

short_hash() { sha256sum | cut -c1-10; }
tree_path() { echo "$CACHE/trees/$1-$( (engine_suite "$1"; engine_packages "$1"; echo $TREE_RECIPE) | short_hash)"; }
template_path() { echo "$CACHE/docker/$1-$( (basename "$(tree_path "$1")"; cat "$LIB"/{images.sh,prepare.sh,musl-getent.c,greeter.c}) | short_hash)"; }

prepare() {
  local engine
  prepare_machine
  for engine in "$@"; do
    engine_suite "$engine" >/dev/null
    make_once "$(tree_path "$engine")" tree_make "$engine"
    make_once "$(template_path "$engine")" template_make "$engine"
  done
}

# make_once DIR FUNCTION ENGINE : the function fills DIR.partial, which gets its name when it is complete. The lock
# makes a second caller wait for the first; it is not handed on to what the function starts (9>&-).
make_once() {
  local dir=$1 function=$2 engine=$3 start
  [[ ! -d $dir ]] || return 0
  mkdir -p "${dir%/*}"
  (
    flock 9
    [[ ! -d $dir ]] || exit 0
    start=$(now_ms)
    rm -rf --one-file-system "$dir.partial"
    "$function" "$engine" "$dir.partial" 9>&-
    mv "$dir.partial" "$dir"
    say "  done in $((($(now_ms) - start) / 1000)) s"
  ) 9>"$dir.lock"
}

prepare_machine() {
  local name missing=()
  for name in $MACHINE_COMMANDS; do command -v "$name" >/dev/null || missing+=("$name"); done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "missing on this machine: ${missing[*]}; install them (without apt-get the lab cannot)"
  say "installing what this machine lacks (${missing[*]})"
  mkdir -p "$CACHE"
  machine_install >"$CACHE/machine.log" 2>&1 || { show_log_end "$CACHE/machine.log"; die "could not install $MACHINE_PACKAGES"; }
}

machine_install() {
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086
  apt-get install -y --no-install-recommends $MACHINE_PACKAGES ||
    { apt-get update && apt-get install -y --no-install-recommends $MACHINE_PACKAGES; }
}

# The mirror that this machine's own apt uses.
debian_mirror() {
  [[ -z ${XNET_LAB_MIRROR:-} ]] || { echo "$XNET_LAB_MIRROR"; return; }
  local mirror; mirror=$(apt_debian_mirror)
  [[ -n $mirror ]] || { apt-get update -qq >&2; mirror=$(apt_debian_mirror); }
  [[ -n $mirror ]] || die "apt knows no Debian mirror on this machine: set XNET_LAB_MIRROR to the URL of one"
  echo "$mirror"
}
apt_debian_mirror() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' | sed -n 's/^Debian|Debian|//p' | head -n 1
}

check_space() {
  local free; free=$(df --output=avail -BM "$1" | tail -n 1 | tr -dc 0-9)
  ((free >= $2)) || die "only $free MB free on the disk of $1, $2 MB needed: make room or set XNET_LAB_CACHE to a larger disk"
}

tree_make() {
  local engine=$1 tree=$2 suite script mirror log=$CACHE/debootstrap-$1.log
  suite=$(engine_suite "$engine") mirror=$(debian_mirror)
  check_space "$CACHE" 2000
  # A suite newer than this machine's debootstrap: all of Debian's suites share one script.
  script=/usr/share/debootstrap/scripts/$suite
  [[ -e $script ]] || script=/usr/share/debootstrap/scripts/sid
  say "making the Debian tree ($suite) with Docker $engine, about a minute"
  tree_start "$tree"
  debootstrap --variant=minbase --include="$(engine_packages "$engine" | tr ' ' ,)" "$suite" "$tree" "$mirror" "$script" 2>&1 |
    tee "$log" | show_debootstrap || { show_log_end "$log"; die "debootstrap of $suite failed"; }
  tree_finish "$tree"
}

# dpkg neither syncs after each file nor unpacks what no test reads.
tree_start() {
  mkdir -p "$1/etc/dpkg/dpkg.cfg.d"
  printf '%s\n' force-unsafe-io 'path-exclude=/usr/share/doc/*' 'path-exclude=/usr/share/man/*' \
    'path-exclude=/usr/share/locale/*' >"$1/etc/dpkg/dpkg.cfg.d/xnet-lab"
}

show_debootstrap() {
  awk '{ step = $2; count++ } step != last && step ~ /^(Retrieving|Extracting|Unpacking|Configuring)$/ && !seen[step]++ {
    print "lab:   " tolower(step) " packages" > "/dev/stderr"; last = step }'
}

tree_finish() {
  local tree=$1
  rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* "$tree"/etc/{machine-id,hostname,resolv.conf}
  mkdir -p "$tree"/opt/xnet "$tree"/var/lib/{docker,xnet} "$tree"/usr/local/bin
  touch "$tree/usr/local/bin/node"
  # So that people (and docs) can say `xnet` in a host.
  printf '#!/bin/sh\nexec node /opt/xnet/bin/xnet "$@"\n' >"$tree/usr/local/bin/xnet"
  chmod 755 "$tree/usr/local/bin/xnet"
}

# Loads the images with the engine itself, in a lab of its own, and keeps the /var/lib/docker that comes out.
template_make() {
  local engine=$1 template=$2 images=$CACHE/images/$1 name lab
  say "making the images and loading them into Docker $engine"
  images_make "$(tree_path "$engine")" "$images"
  lab=template-$$
  (
    export XNET_LAB=$lab
    trap '"$LAB_DIR/lab" down' EXIT
    "$LAB_DIR/lab" up 1 --engine "$engine" --etcd 0 --no-xnet --no-images 2>/dev/null || die "cannot start Docker $engine: try 'lab up 1 --engine $engine --no-images --no-xnet'"
    for name in busybox tools; do
      "$LAB_DIR/lab" docker h1 import --change 'CMD ["sh"]' - "$name:latest" <"$images/$name.tar" >/dev/null
    done
    "$LAB_DIR/lab" dockerd h1 stop
    # What tells one engine from another, and what it makes anew: every host shall have its own.
    rm -rf "$DISK_ROOT/$lab/h1/docker"/{engine-id,network,swarm,containers,tmp,runtimes,plugins,buildkit}
    mv "$DISK_ROOT/$lab/h1/docker" "$template"
  )
}
