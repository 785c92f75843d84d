import { inspect } from "node:util";

/** A secret that shows as "[redacted]" wherever it is printed: JSON, template strings, util.inspect, pino. */
export interface Secret {
  /** The text itself, for the one place that sends it. */
  reveal(): string;
  toJSON(): string;
  toString(): string;
}

export const redacted = "[redacted]";

export function createSecret(text: string): Secret {
  const hide = () => redacted;
  return Object.freeze({ reveal: () => text, toJSON: hide, toString: hide, [inspect.custom]: hide });
}

export function isSecret(value: unknown): value is Secret {
  return typeof value === "object" && value !== null && "reveal" in value && "toJSON" in value;
}
