import { byteLength } from "./byte-length.ts";

/** CNI specification 1.1.0, section 2 "Parameters" (container id) and section 1 (network name): the same alphabet. */
const identifier = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/**
 * Printable ASCII without "/", ":" and "%": net/core/dev.c `dev_valid_name` refuses the first two and judges
 * space byte by byte as Latin-1 (0xa0, part of many UTF-8 letters, is one); "%" makes the kernel number the name itself.
 */
const interfaceCharacters = /^[!-$&-.0-9;-~]+$/;

/** IFNAMSIZ - 1 of linux/if.h, in bytes. */
const longestInterfaceName = 15;

/** Why a container id or network name is not one, or undefined. */
export function identifierProblem(text: string): string | undefined {
  if (text === "") return "is empty";
  if (identifier.test(text)) return undefined;
  return "must start with a letter or digit, followed by letters, digits, '_', '.' or '-'";
}

/** Why the kernel would not give a link exactly this name, or undefined. */
export function interfaceNameProblem(text: string): string | undefined {
  if (text === "") return "is empty";
  if (byteLength(text) > longestInterfaceName) {
    return `is ${byteLength(text)} bytes long, the kernel takes at most ${longestInterfaceName}`;
  }
  if (text === "." || text === "..") return "must not be '.' or '..'";
  if (interfaceCharacters.test(text)) return undefined;
  return "must be printable ASCII without space, '/', ':' and '%'";
}
