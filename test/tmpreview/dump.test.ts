import { test } from "vitest";
import { listFlows } from "../../src/adapters/netlink/namespaces/flows.ts";
const a = (type: number, v: Buffer, nested = false) => { const b = Buffer.alloc(4 + Math.ceil(v.length / 4) * 4); b.writeUInt16LE(4 + v.length, 0); b.writeUInt16LE(type | (nested ? 0x8000 : 0), 2); v.copy(b, 4); return b; };
const ip = (n: number) => { const b = Buffer.alloc(4); b.writeUInt32BE(n >>> 0); return b; };
const p16 = (n: number) => { const b = Buffer.alloc(2); b.writeUInt16BE(n); return b; };
const tup = (s: number, d: number, sp: number, dp: number) => Buffer.concat([a(1, Buffer.concat([a(1, ip(s)), a(2, ip(d))]), true), a(2, Buffer.concat([a(1, Buffer.of(6)), a(2, p16(sp)), a(3, p16(dp))]), true)]);
test("dump", () => {
  const n = 200000;
  const payloads = Array.from({ length: n }, (_, i) => { const s = 0x14000000 + i, d = 0x0af40102 + (i % 100); return Buffer.concat([Buffer.of(2, 0, 0, 0), a(1, tup(s, d, 40000, 80), true), a(2, tup(d, s, 80, 40000), true), a(3, Buffer.alloc(4)), a(7, Buffer.alloc(4)), a(8, Buffer.alloc(4)), a(11, Buffer.alloc(4)), a(4, Buffer.alloc(60), true), a(12, ip(i))]); });
  const addresses = Array.from({ length: 100 }, (_, i) => `10.244.1.${2 + i}`);
  const t = performance.now(); const m = process.memoryUsage().rss;
  const f = listFlows({ requests: { query: () => [] }, nftables: { query: () => payloads } } as any, addresses);
  console.log("decode", n, f.length, Math.round(performance.now() - t), "ms; payload bytes", payloads[0]!.length, "rss +MB", Math.round((process.memoryUsage().rss - m) / 1e6));
  const t2 = performance.now(); const c = structuredClone(f); console.log("clone across the worker", Math.round(performance.now() - t2), "ms rss total +MB", Math.round((process.memoryUsage().rss - m) / 1e6), c.length);
});
