import type { OwnerFirewall } from "./owner-firewall.ts";

/** `ownerTables` as tailscaled itself says it to iptables, for both families. */
export function iptablesLines({ mode, snat }: OwnerFirewall, family: 4 | 6): string {
  if (mode === "off") return "";
  const v4 = (line: string) => (family === 4 ? [line] : []);
  const jumps = mode === "on";
  return [
    "*filter",
    ...[":ts-input - [0:0]", ":ts-forward - [0:0]"],
    ...(jumps ? ["-I INPUT 1 -j ts-input", "-I FORWARD 1 -j ts-forward"] : []),
    ...v4("-I ts-input 1 -i lo -s 100.64.0.1 -j ACCEPT"),
    "-A ts-input -i tailscale0 -j ACCEPT",
    ...v4("-A ts-input ! -i tailscale0 -s 100.115.92.0/23 -j RETURN"),
    ...v4("-A ts-input ! -i tailscale0 -s 100.64.0.0/10 -j DROP"),
    "-A ts-forward -i tailscale0 -j MARK --set-mark 0x40000/0xff0000",
    "-A ts-forward -m mark --mark 0x40000/0xff0000 -j ACCEPT",
    ...v4("-A ts-forward -o tailscale0 -s 100.64.0.0/10 -j DROP"),
    "-A ts-forward -o tailscale0 -j ACCEPT",
    "COMMIT",
    "*nat",
    ":ts-postrouting - [0:0]",
    ...(jumps ? ["-I POSTROUTING 1 -j ts-postrouting"] : []),
    ...(snat ? ["-A ts-postrouting -m mark --mark 0x40000/0xff0000 -j MASQUERADE"] : []),
    "COMMIT",
    ...(jumps
      ? [
          "*mangle",
          "-I PREROUTING 1 -m conntrack --ctstate ESTABLISHED,RELATED -m connmark ! --mark 0x0/0xff0000 -j CONNMARK --restore-mark --nfmask 0xff0000 --ctmask 0xff0000",
          "-I OUTPUT 1 -m conntrack --ctstate NEW -m mark ! --mark 0x0/0xff0000 -j CONNMARK --save-mark --nfmask 0xff0000 --ctmask 0xff0000",
          "COMMIT",
        ]
      : []),
    "",
  ].join("\n");
}

/** `ownerTables` as it makes them by nftables (AddChains, AddHooks, AddBase, AddSNATRule, AddExternalCGNATRules, AddConnmarkSaveRule). */
export function nftText({ mode, snat }: OwnerFirewall): string {
  if (mode === "off") return "";
  const jump = (chain: string) => (mode === "on" ? `counter jump ${chain};` : "");
  const table = (family: "ip" | "ip6") => {
    const v4 = (rule: string) => (family === "ip" ? rule : "");
    return `
table ${family} filter {
  chain ts-input {
    ${v4("iifname lo ip saddr 100.64.0.1 counter accept;")}
    iifname tailscale0 counter accept;
    ${v4("iifname != tailscale0 ip saddr 100.115.92.0/23 counter return;")}
    ${v4("iifname != tailscale0 ip saddr 100.64.0.0/10 counter drop;")}
  }
  chain ts-forward {
    iifname tailscale0 counter meta mark set meta mark & 0xff00ffff | 0x00040000;
    meta mark & 0x00ff0000 == 0x00040000 counter accept;
    ${v4("oifname tailscale0 ip saddr 100.64.0.0/10 counter drop;")}
    oifname tailscale0 counter accept;
  }
  chain INPUT { type filter hook input priority filter; policy accept; ${jump("ts-input")} }
  chain FORWARD { type filter hook forward priority filter; policy accept; ${jump("ts-forward")} }
}
table ${family} nat {
  chain ts-postrouting { ${snat ? "meta mark & 0x00ff0000 == 0x00040000 counter masquerade;" : ""} }
  chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept; ${jump("ts-postrouting")} }
}
${
  mode === "on"
    ? `table ${family} mangle {
  chain PREROUTING {
    type filter hook prerouting priority mangle;
    ct state established,related ct mark & 0x00ff0000 != 0 meta mark set ct mark & 0x00ff0000;
  }
  chain OUTPUT {
    type filter hook output priority mangle;
    ct state new meta mark & 0x00ff0000 != 0 ct mark set meta mark & 0x00ff0000;
  }
}`
    : ""
}`;
  };
  return `${table("ip")}${table("ip6")}`;
}
