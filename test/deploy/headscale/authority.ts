import { join } from "node:path";
import { run } from "../../lab/run-command.ts";

const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"] as const;

/** Makes a certificate authority in a folder and returns the path of its certificate. */
export async function makeAuthority(folder: string): Promise<string> {
  const certificate = join(folder, "authority.crt");
  const key = join(folder, "authority.key");
  await run(["openssl", "req", "-x509", ...kind, "-subj", "/CN=test", "-out", certificate, "-keyout", key]);
  return certificate;
}

/** Makes `NAME.crt` and `NAME.key`, by the authority of `folder`, for the server with that name. */
export async function issueCertificate(folder: string, name: string, destination: string): Promise<void> {
  const authority = ["-CA", join(folder, "authority.crt"), "-CAkey", join(folder, "authority.key")] as const;
  const names = ["-addext", `subjectAltName=DNS:${name}`, "-addext", "basicConstraints=CA:FALSE"] as const;
  const files = [
    "-out",
    join(destination, `${name}.crt`),
    "-keyout",
    join(destination, `${name}.key`),
  ] as const;
  await run(["openssl", "req", "-x509", ...kind, "-subj", `/CN=${name}`, ...authority, ...names, ...files]);
}
