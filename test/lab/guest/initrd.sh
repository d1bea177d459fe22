#!/bin/busybox sh
# The first process of the guest, in its initrd: makes the disk with the root file system visible, and goes on there.
for name in proc sys dev; do
  type=$name
  case $name in sys) type=sysfs ;; dev) type=devtmpfs ;; esac
  /bin/busybox mount -t "$type" "$type" "/$name"
done
while read -r module; do /bin/busybox insmod "$module"; done </modules/order
until [ -e /dev/vda ] && [ -e /dev/vdb ]; do /bin/busybox usleep 20000; done
/bin/busybox mount -t ext4 /dev/vda /root && exec /bin/busybox switch_root /root /guest-init
