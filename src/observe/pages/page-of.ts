import type * as z from "zod";

/** What a page holds by its schema; of what a newer program adds to a loose object nobody here knows. */
export type PageOf<Schema extends z.ZodType> = Known<z.output<Schema>>;

type Known<Value> = Value extends readonly (infer Element)[]
  ? readonly Known<Element>[]
  : Value extends object
    ? { readonly [Name in keyof Value as KnownName<Name, Value[Name]>]: Known<Value[Name]> }
    : Value;

/** A loose object has any name, of unknown value. */
type KnownName<Name, Value> = string extends Name ? (unknown extends Value ? never : Name) : Name;
