/** Whether the address lies in the prefix ("10.0.0.0/8"); addresses without a dotted end. */
export function addressInside(address: string, prefix: string): boolean {
  const [base = "", length = ""] = prefix.split("/");
  if (address === "masqueraded" || address.includes(":") !== base.includes(":")) return false;
  return bitsOf(address).startsWith(bitsOf(base).slice(0, Number(length)));
}

/** Each address is asked for thousands of times. */
const knownBits = new Map<string, string>();

export function bitsOf(address: string): string {
  const known = knownBits.get(address) ?? readBits(address);
  knownBits.set(address, known);
  return known;
}

function readBits(address: string): string {
  if (!address.includes(":")) return digits(address.split("."), 10, 8);
  const [head = [], tail = []] = address
    .split("::")
    .map((part) => part.split(":").filter((group) => group !== ""));
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => "0");
  return digits([...head, ...zeros, ...tail], 16, 16);
}

function digits(groups: readonly string[], radix: number, width: number): string {
  return groups.map((group) => Number.parseInt(group, radix).toString(2).padStart(width, "0")).join("");
}
