#!/bin/bash
# Runs as process 1 of a new host, in new mount, UTS, IPC, PID and cgroup namespaces and already in the host's network
# namespace: makes the host's file system, changes into it with pivot_root (in a chroot, `docker exec` would land in
# the machine's root) and becomes the host's init.
# Usage: host-init.sh DIR HOST TREE DISK SOURCE NODE IP SWITCH_IP tini|systemd
set -euo pipefail

dir=$1 host=$2 tree=$3 disk=$4 source=$5 node=$6 ip=$7 switch_ip=$8 init=$9
root=$dir/root

# /proc is still the machine's here, so this is the pid under which the machine knows this process.
read -r pid _ </proc/self/stat
echo "$pid" >"$dir/pid"
exec 3>"$dir/ready"

mount_disks() {
  mkdir -p "$root" "$disk"/{upper,work,docker,xnet}
  mount -t overlay overlay -o "lowerdir=$tree,upperdir=$disk/upper,workdir=$disk/work" "$root"
  # Docker's own overlayfs cannot lie on an overlayfs.
  mount --bind "$disk/docker" "$root/var/lib/docker"
  mount --bind "$disk/xnet" "$root/var/lib/xnet"
  mount --bind "$source" "$root/opt/xnet"
  mount -o remount,bind,ro "$root/opt/xnet"
  mount --bind "$node" "$root/usr/local/bin/node"
  mount -o remount,bind,ro "$root/usr/local/bin/node"
}

mount_dev() {
  local name
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for name in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 kmsg:1:11 fuse:10:229; do
    IFS=: read -r name major minor <<<"$name"
    mknod -m 666 "$root/dev/$name" c "$major" "$minor"
  done
  mkdir "$root"/dev/{pts,shm,mqueue,net}
  mknod -m 666 "$root/dev/net/tun" c 10 200
  mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  mount -t mqueue mqueue "$root/dev/mqueue"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"
}

# In a cgroup namespace each of these shows the host's own group as the root.
mount_cgroups() {
  local top=$root/sys/fs/cgroup controllers name mount
  if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
    mount -t cgroup2 cgroup2 "$top"
    return
  fi
  mount -t tmpfs -o mode=755 tmpfs "$top"
  while IFS=: read -r _ controllers _; do
    case $controllers in
      '') name=unified mount=(-t cgroup2) ;;
      name=*) name=${controllers#name=} mount=(-t cgroup -o "none,$controllers") ;;
      *) name=$controllers mount=(-t cgroup -o "$controllers") ;;
    esac
    # Those without controllers are systemd's own.
    [[ $name == "$controllers" || $init == systemd ]] || continue
    mkdir "$top/$name"
    mount "${mount[@]}" cgroup "$top/$name"
  done </proc/self/cgroup
}

mount_kernel() {
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount_cgroups
  mount_dev
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mkdir "$root/run/lock" "$root/run/lab"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
}

write_identity() {
  hostname "$host"
  echo "$host" >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n%s %s\n' "$ip" "$host" >"$root/etc/hosts"
  echo "nameserver $switch_ip" >"$root/etc/resolv.conf"
  # Made once: a host keeps its machine-id when it boots again.
  [[ -s $root/etc/machine-id ]] || tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
}

# Of a systemd's units those that would alter the machine, or look for the world outside.
mask_units() {
  local unit
  for unit in systemd-sysctl systemd-modules-load systemd-udevd systemd-udev-trigger systemd-random-seed systemd-binfmt \
    systemd-timesyncd systemd-networkd getty@tty1 console-getty etcd e2scrub_reap kmod; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
  done
  for unit in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim; do ln -sf /dev/null "$root/etc/systemd/system/$unit.timer"; done
  ln -sf /dev/null "$root/etc/systemd/system/proc-sys-fs-binfmt_misc.automount"
}

# The kernel's settings that are not the host's alone.
protect_machine() {
  local name
  for name in fs kernel vm; do
    mount --bind "$root/proc/sys/$name" "$root/proc/sys/$name"
    mount -o remount,bind,ro "$root/proc/sys/$name"
  done
}

mount_disks
mount_kernel
write_identity
if [[ $init == systemd ]]; then
  # As a host that xnet is to be installed on.
  rm -f "$root/usr/local/bin/xnet"
  mask_units
  protect_machine
fi

cd "$root"
mkdir -p .machine
pivot_root . .machine
umount -l /.machine
rmdir /.machine
cd /
mount --make-rshared /   # as systemd does: mounts made in the host reach its plugins' containers

echo ready >&3
exec 3>&-
if [[ $init == systemd ]]; then exec env -i container=lab /lib/systemd/systemd --system --unit=multi-user.target; fi
exec tini -- sleep infinity
