#!/bin/sh
# node-init.sh INIT: makes a machine of the namespaces that node-boot.sh started it in, then becomes INIT.
# What is written to /etc, /opt and /var stays in $NODE_FOLDER/disk and outlives a reboot; /run begins empty.
# Environment: NODE_NAME, NODE_FOLDER, and the folders of HeadCNI and CNI that others know by another path:
# NODE_CNI_BIN, NODE_CNI_CONF, NODE_RUNTIME, NODE_STATE, NODE_TAILSCALE; NODE_CGROUP: its cgroup.
set -eu
echo "$NODE_NAME" >/proc/sys/kernel/hostname
disk=$NODE_FOLDER/disk

# Copies of these mounts would keep network namespaces alive that are removed outside (and then are gone here, too).
findmnt -rn -t nsfs -o TARGET | while read -r namespace; do
  umount --lazy "$namespace" 2>/dev/null || true
done

for top in etc opt var; do
  mkdir -p "$disk/$top" "$disk/$top.work"
  mount -t overlay -o "lowerdir=/$top,upperdir=$disk/$top,workdir=$disk/$top.work" "$NODE_NAME-$top" "/$top"
done
mount -t tmpfs -o mode=755 "$NODE_NAME-run" /run
mkdir -p /run/lock /run/netns

bind() {
  mkdir -p "$1" "$2"
  mount --bind "$1" "$2"
}
# Not on the overlay: an overlay cannot hold the upper folder of another, and containers' file systems are such.
bind "$disk/containerd" /var/lib/containerd
bind "$disk/kubelet" /var/lib/kubelet
bind "$NODE_CNI_BIN" /opt/cni/bin
bind "$NODE_CNI_CONF" /etc/cni/net.d
bind "$NODE_RUNTIME" /run/headcni
bind "$NODE_STATE" /var/lib/headcni
bind "$NODE_TAILSCALE" /run/tailscale

# On a developer's machine these may be links into /run, or mounts.
rm -f /etc/resolv.conf /etc/hostname /etc/hosts
echo "nameserver 10.99.0.1" >/etc/resolv.conf
echo "$NODE_NAME" >/etc/hostname
printf '127.0.0.1 localhost\n::1 localhost\n127.0.1.1 %s\n' "$NODE_NAME" >/etc/hosts

root=
. "$(dirname "$0")/kubelet-sysctls.sh"

# The node's part of the machine's cgroups in the place of all of them.
for hierarchy in $(findmnt -rn -t cgroup,cgroup2 -o TARGET); do
  mount --bind "$hierarchy/$NODE_CGROUP" "$hierarchy"
done

# Pods may ask for mounts that are made later (mountPropagation: HostToContainer, Bidirectional).
mount --make-rshared /
exec "$1"
