# shellcheck shell=bash
# The guest: a machine under emulation whose kernel is not this machine's, but that of Debian bookworm for clouds: it is
# older, and has modules that others lack (test/README.md, "A second kernel"). Here is made what it boots from.

GUEST_ENGINE=20.10  # whose Debian tree the guest's is made of: bookworm
GUEST_PACKAGE=linux-image-cloud-amd64
# In the order in which they must be loaded. All else is a module of its file system's, or built in.
GUEST_DISK_MODULES="virtio_pci virtio_blk"
GUEST_COMMANDS="qemu-system-x86_64 busybox cpio depmod modprobe mke2fs"
# What is large in the tree, and what no test in the guest needs.
GUEST_NOT="usr/bin/containerd* usr/bin/ctr usr/bin/docker* usr/bin/etcd* usr/sbin/dockerd"

guest_path() {
  local node; node=$(node_binary)
  echo "$CACHE/guest/$( (basename "$(tree_path $GUEST_ENGINE)"; "$node" --version; cat "$LAB_DIR"/guest/*.sh) | short_hash)"
}

# Prints the directory in which vmlinuz, initrd and root.img are, after it has made them if they are not there.
guest_command() {
  local path name missing=()
  [[ $(uname -m) == x86_64 ]] || die "the guest is an x86-64 machine and gets this machine's Node.js, which is for $(uname -m)"
  for name in $GUEST_COMMANDS; do command -v "$name" >/dev/null || missing+=("$name"); done
  ((${#missing[@]} == 0)) || die "missing on this machine: ${missing[*]}; 'sudo test/run kernel' installs them"
  prepare_machine
  make_once "$(tree_path $GUEST_ENGINE)" tree_make $GUEST_ENGINE
  path=$(guest_path)
  make_once "$path" guest_make $GUEST_ENGINE
  echo "$path"
}

guest_make() {
  local dir=$2 work=$2/work version
  check_space "$CACHE" 2000
  say "making what the guest boots from, half a minute"
  mkdir -p "$work"
  guest_fetch_kernel "$work" >"$CACHE/guest.log" 2>&1 || { show_log_end "$CACHE/guest.log"; die "could not fetch $GUEST_PACKAGE"; }
  dpkg-deb -x "$work"/linux-image-[0-9]*.deb "$work/kernel"
  version=$(ls "$work/kernel/lib/modules")
  mv "$work/kernel/boot/vmlinuz-$version" "$dir/vmlinuz"
  depmod -b "$work/kernel" "$version"
  guest_make_initrd "$work" "$version" >"$dir/initrd"
  guest_make_root "$work" "$version" "$dir/root.img"
  rm -rf "$work"
}

# The package that the one named depends on, of that suite, whatever this machine's own is.
guest_fetch_kernel() {
  local dir=$1 suite mirror package apt
  suite=$(engine_suite $GUEST_ENGINE) mirror=$(debian_mirror)
  mkdir -p "$dir"/apt/{lists/partial,cache/archives/partial}
  echo "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$dir/apt/sources.list"
  apt=(-o Dir::Etc::SourceList="$dir/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$dir/apt/lists"
    -o Dir::Cache="$dir/apt/cache" -o APT::Architecture=amd64 -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update
  package=$(apt-cache "${apt[@]}" depends "$GUEST_PACKAGE" | sed -n 's/^ *Depends: \(linux-image-[0-9]\S*\)$/\1/p')
  [[ -n $package ]] || { echo "$GUEST_PACKAGE of $suite depends on no linux-image"; return 1; }
  (cd "$dir" && apt-get "${apt[@]}" download "$package")
}

# It has what is needed to see the disk, and no more.
guest_make_initrd() {
  local work=$1 version=$2 root=$1/initrd module file
  mkdir -p "$root"/{bin,modules,root,proc,sys,dev}
  cp "$(command -v busybox)" "$root/bin/"
  for module in $GUEST_DISK_MODULES; do
    for file in $(modprobe -d "$work/kernel" -S "$version" --show-depends "$module" | sed -n 's/^insmod //p'); do
      [[ -e $root/modules/${file##*/} ]] || echo "/modules/${file##*/}" >>"$root/modules/order"
      cp "$file" "$root/modules/"
    done
  done
  install -m 755 "$LAB_DIR/guest/initrd.sh" "$root/init"
  (cd "$root" && find . | cpio -o -H newc --quiet) | gzip
}

# The links cost no room, and to remove one leaves the tree's own file as it is.
guest_make_root() {
  local work=$1 version=$2 image=$3 root=$1/root node
  node=$(node_binary)
  cp -al "$(tree_path $GUEST_ENGINE)" "$root"
  # shellcheck disable=SC2086
  (cd "$root" && rm -rf $GUEST_NOT usr/local/bin/node)
  cp "$node" "$root/usr/local/bin/node"
  mkdir -p "$root/usr/lib/modules" "$root/project"
  mv "$work/kernel/lib/modules/$version" "$root/usr/lib/modules/"
  depmod -b "$root" "$version"
  install -m 755 "$LAB_DIR/guest/init.sh" "$root/guest-init"
  truncate -s 2G "$image"
  mke2fs -q -t ext4 -O ^has_journal -d "$root" "$image"
}
