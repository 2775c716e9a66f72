// scripts/validators.js generates the functions from the schemas, with Ajv.

export interface Fault {
  /** JSON pointer. */
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface Validator {
  (value: unknown): boolean;
  /** Faults of the last value; the first one is the innermost. */
  readonly errors?: readonly Fault[] | null;
}

/** By kind: the event has only known values. */
export const strict: ReadonlyMap<string, Validator>;
/** By kind: the event may have values of newer publishers. */
export const readers: ReadonlyMap<string, Validator>;
/** By pattern: the name of the definition. */
export const definitions: ReadonlyMap<string, string>;
