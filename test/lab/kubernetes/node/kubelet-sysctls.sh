# Sourced by the scripts that make a node: gives kubelet copies of the sysctls that it sets to its liking, below $root (the
# node's root; empty: /), because they belong to the whole machine. The node's /run is there.
mkdir -p "$root/run/sysctl"
for sysctl in vm/overcommit_memory kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  copy=$root/run/sysctl/$(basename "$sysctl")
  cat "/proc/sys/$sysctl" >"$copy"
  mount --bind "$copy" "$root/proc/sys/$sysctl"
done
