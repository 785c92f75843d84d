#!/bin/sh
# node-init.sh INIT: makes a machine of the namespaces that node-boot.sh started it in, then becomes INIT, a systemd.
# Its root is made of this machine's own programs (/usr, read-only) and of what $NODE_FOLDER/disk holds: /etc, /opt, /root,
# /var and /usr/local, which outlive a reboot. /run and /tmp begin empty.
# $NODE_PACKAGES, if it is not empty, is a folder with what is installed in /usr besides, for a node of kubeadm's; /usr is the
# node's own then, and the node has what kubelet needs of a machine.
# Environment: NODE_NAME, NODE_FOLDER, NODE_PACKAGES, and the folders that others know by another path: NODE_CNI_BIN, NODE_CNI_CONF,
# NODE_RUNTIME, NODE_STATE, NODE_TAILSCALE.
set -eu
disk=$NODE_FOLDER/disk
root=$NODE_FOLDER/root
mkdir -p "$root"
mount -t tmpfs -o mode=755 "$NODE_NAME" "$root"

bind() {
  mkdir -p "$1" "$2"
  mount --bind "$1" "$2"
}
mkdir -p "$root/usr"
if [ -n "$NODE_PACKAGES" ]; then
  mkdir -p "$disk/usr" "$disk/usr.work"
  mount -t overlay -o "lowerdir=$NODE_PACKAGES:/usr,upperdir=$disk/usr,workdir=$disk/usr.work" "$NODE_NAME-usr" "$root/usr"
else
  mount --bind /usr "$root/usr"
  mount -o remount,bind,ro "$root/usr"
fi
for link in bin lib lib32 lib64 libx32 sbin; do
  [ ! -L "/$link" ] || cp -P "/$link" "$root/$link"
done
bind "$disk/usr-local" "$root/usr/local"
for top in etc opt root var; do bind "$disk/$top" "$root/$top"; done
mkdir -m 1777 "$root/tmp"
mkdir "$root/dev" "$root/proc" "$root/run" "$root/sys"

# As systemd-nspawn does it: of the machine's own sysctls and devices only those of the network can be changed.
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount --bind "$root/proc/sys/net" "$root/proc/sys/net"
mount -o remount,bind,ro "$root/proc/sys"
if [ -e "$root/proc/sysrq-trigger" ]; then
  mount --bind "$root/proc/sysrq-trigger" "$root/proc/sysrq-trigger"
  mount -o remount,bind,ro "$root/proc/sysrq-trigger"
fi
mount -t sysfs -o ro sysfs "$root/sys"
if [ -z "$NODE_PACKAGES" ] || [ "$hierarchies" = /sys/fs/cgroup ]; then
  # One hierarchy, whatever this machine has; the cgroup namespace makes its root the node's.
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  echo $$ >"$root/sys/fs/cgroup/cgroup.procs"
else
  # Containers need controllers, and here these are in hierarchies of version 1.
  mount -t tmpfs -o mode=755 "$NODE_NAME-cgroup" "$root/sys/fs/cgroup"
  for hierarchy in $hierarchies; do
    bind "$hierarchy/$NODE_CGROUP" "$root/sys/fs/cgroup/$(basename "$hierarchy")"
    echo $$ >"$hierarchy/$NODE_CGROUP/cgroup.procs"
  done
fi
mount -t tmpfs -o mode=755 "$NODE_NAME-run" "$root/run"
mkdir "$root/run/netns"
# The lab's pods come and go outside: `ip netns add` shares this mount, so that they come and go here, too. Those of a
# containerd are the node's own.
[ -n "$NODE_PACKAGES" ] || mount --rbind /run/netns "$root/run/netns"
mount -t tmpfs -o mode=755 "$NODE_NAME-dev" "$root/dev"
mkdir "$root/dev/net" "$root/dev/pts" "$root/dev/shm"
for device in full null random tty urandom zero net/tun; do
  mknod -m 666 "$root/dev/$device" c $((0x$(stat -Lc %t "/dev/$device"))) $((0x$(stat -Lc %T "/dev/$device")))
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 "$NODE_NAME-shm" "$root/dev/shm"

if [ -n "$NODE_PACKAGES" ]; then
  # kubelet reads the kernel's log, which is the machine's: an empty one.
  ln -s null "$root/dev/kmsg"
  . "$(dirname "$0")/../kubernetes/node/kubelet-sysctls.sh"
fi

bind "$NODE_CNI_BIN" "$root/opt/cni/bin"
bind "$NODE_CNI_CONF" "$root/etc/cni/net.d"
bind "$NODE_RUNTIME" "$root/run/headcni"
bind "$NODE_STATE" "$root/var/lib/headcni"
bind "$NODE_TAILSCALE" "$root/run/tailscale"

mkdir "$root/old"
pivot_root "$root" "$root/old"
cd /
umount --lazy /old
rmdir /old
mount --make-rshared /
unset NODE_FOLDER NODE_PACKAGES NODE_CNI_BIN NODE_CNI_CONF NODE_RUNTIME NODE_STATE NODE_CGROUP hierarchies
# What systemd takes for the sign of a container (systemd(1)); the machine's clock, modules and kernel log stay its own.
forbidden=$(printf ',-%s' sys_time sys_module sys_rawio syslog wake_alarm mac_admin mac_override audit_control)
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=headcni-lab \
  setpriv --bounding-set "${forbidden#,}" "$1"
