# shellcheck shell=bash
# The images that every host has: `busybox`, and `tools` with real network programs. Both are made of files of a
# Debian tree, as nothing can be pulled in the lab; two programs are our own, and linked with musl: `musl-getent`, as no
# program of Debian is, and `greeter`.

TOOLS="sh ping ip bridge tc ss iperf3 socat getent tcpdump ethtool curl dig"

# images_make TREE DIR : writes DIR/busybox.tar and DIR/tools.tar.
images_make() {
  local tree=$1 dir=$2 name
  mkdir -p "$dir"
  for name in busybox tools; do
    rm -rf "${dir:?}/$name"
    rootfs_start "$tree" "$dir/$name"
    [[ $name == busybox ]] || rootfs_add_tools "$tree" "$dir/$name"
    tar -C "$dir/$name" -cf "$dir/$name.tar" .
    rm -rf "${dir:?}/$name"
  done
}

rootfs_start() {
  local tree=$1 root=$2 applet name
  mkdir -p "$root"/usr/{bin,lib,lib64} "$root"/{etc,root,home,proc,sys,dev,run,var/run,var/tmp} "$root/tmp"
  chmod 1777 "$root/tmp"
  for name in bin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  ln -s usr/bin "$root/sbin"
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
  echo 'root:x:0:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
  cp "$tree/usr/bin/busybox" "$root/usr/bin/busybox"
  for applet in $(chroot "$tree" busybox --list); do
    [[ -e $root/usr/bin/$applet ]] || ln -s busybox "$root/usr/bin/$applet"
  done
}

# The programs replace busybox's applets of the same name (sh too: busybox's would run its own applets first); with them come the libraries that ldd names.
rootfs_add_tools() {
  local tree=$1 root=$2 tool path file
  for tool in $TOOLS; do
    # shellcheck disable=SC2016
    path=$(chroot "$tree" sh -c 'command -v "$1"' sh "$tool") || die "the tree $tree has no program '$tool'"
    rm -f "$root/usr/bin/$tool"
    cp -L "$tree/$(chroot "$tree" readlink -f "$path")" "$root/usr/bin/$tool"
    for file in $(chroot "$tree" ldd "$path" | grep -o '/[^ ]*'); do
      mkdir -p "$root/${file%/*}"
      [[ -e $root/$file ]] || cp -L "$tree/$(chroot "$tree" readlink -f "$file")" "$root/$file"
    done
  done
  for tool in musl-getent greeter; do
    musl-gcc -static -O2 -Wall -o "$root/usr/bin/$tool" "$LIB/$tool.c"
  done
}
