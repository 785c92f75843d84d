import { createServer } from "node:http";
import { onTestFinished } from "vitest";
import * as z from "zod";

const attribute = z.strictObject({
  key: z.string().min(1),
  value: z.union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ intValue: z.string().regex(/^-?\d+$/) }),
  ]),
});
const hexId = (bytes: number) => z.string().regex(new RegExp(`^(?!0+$)[0-9a-f]{${bytes * 2}}$`));
const nanos = z.string().regex(/^\d{19}$/);

/** ExportTraceServiceRequest by the JSON mapping of OTLP 1.x: hex ids, 64-bit numbers as strings, enums as numbers. */
const requestSchema = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: z.array(attribute) }),
      scopeSpans: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string() }),
          spans: z.array(
            z
              .strictObject({
                traceId: hexId(16),
                spanId: hexId(8),
                parentSpanId: z.union([z.literal(""), hexId(8)]),
                name: z.string().min(1),
                kind: z.int().min(1).max(5),
                startTimeUnixNano: nanos,
                endTimeUnixNano: nanos,
                attributes: z.array(attribute),
                status: z.strictObject({ code: z.int().min(0).max(2), message: z.string().optional() }),
              })
              .refine((span) => BigInt(span.startTimeUnixNano) <= BigInt(span.endTimeUnixNano)),
          ),
        }),
      ),
    }),
  ),
});

export type ReceivedSpan = z.output<
  typeof requestSchema
>["resourceSpans"][number]["scopeSpans"][number]["spans"][number];

/** A collector over real HTTP that takes what OTLP allows and nothing else. `answer` may refuse a request by its number. */
export async function startCollector(
  answer: (request: number) => { readonly status: number; readonly body?: string } = () => ({ status: 200 }),
) {
  const spans: ReceivedSpan[] = [];
  const faults: string[] = [];
  const paths: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      paths.push(`${request.method} ${request.url} ${request.headers["content-type"]}`);
      const { status, body = "{}" } = answer(paths.length);
      if (status === 200) {
        const parsed = requestSchema.safeParse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
        if (parsed.success)
          spans.push(
            ...parsed.data.resourceSpans.flatMap(({ scopeSpans }) =>
              scopeSpans.flatMap((scope) => scope.spans),
            ),
          );
        else faults.push(z.prettifyError(parsed.error));
      }
      response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no TCP port");
  return { endpoint: `http://127.0.0.1:${address.port}`, spans, faults, paths };
}
