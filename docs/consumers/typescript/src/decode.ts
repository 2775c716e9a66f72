import { DecodeError } from "./decode-error.js";
import { invalidEvent, pathOf } from "./faults.js";
import { findLossyNumbers } from "./inexact.js";
import { checkLimits, type Limits } from "./limits.js";
import { replaceLoneSurrogates } from "./surrogates.js";
import type { DriverEvent } from "./types.js";
import { readers, strict } from "./validators.js";

/** The name of a kind of this version. */
export type EventKind = DriverEvent["kind"];

interface Payload {
  /** The payload byte for byte, to pass the event on. The array that was decoded, not a copy. */
  readonly raw: Uint8Array;
  /** Paths of the integers that exceed 2^53 and lost digits in `event`. `raw` has them. */
  readonly inexact: readonly string[];
}

/** An event of this version. Unknown fields, of a newer publisher, are in `event`, but not in its type. */
export interface KnownEvent extends Payload {
  readonly known: true;
  readonly kind: EventKind;
  readonly event: DriverEvent;
}

/** An event of a newer publisher: of an unknown kind, or with an unknown value in a field. */
export interface UnknownEvent extends Payload {
  readonly known: false;
  readonly kind: string;
  /** Path of the first unknown value: `kind`, or for example `goal.acceptance[0].kind`. */
  readonly path: string;
  readonly event: { readonly kind: string; readonly [name: string]: unknown };
}

export type Decoded = KnownEvent | UnknownEvent;

/**
 * Decodes an event: one JSON object in UTF-8. An event of a newer publisher is not an error.
 *
 * @throws DecodeError if the payload is not an event. Report it, and continue with the next message.
 */
export function decode(payload: Uint8Array | string, limits: Limits = {}): Decoded {
  const raw = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  checkLimits(raw, limits);
  const json = replaceLoneSurrogates(utf8(raw));
  const event = parse(json);
  const { kind } = event;
  const { inexact, infinite } = findLossyNumbers(json);
  if (infinite !== undefined) {
    throw new DecodeError("syntax", "number out of range", kind, infinite);
  }
  const unknown = (path: string): Decoded => ({ known: false, kind, path, event, raw, inexact });
  const [isKnown, isReadable] = [strict.get(kind), readers.get(kind)];
  if (isKnown === undefined || isReadable === undefined) {
    return unknown("kind");
  }
  if (isKnown(event)) {
    return { known: true, kind: kind as EventKind, event: event as unknown as DriverEvent, raw, inexact };
  }
  const [unknownValue] = isKnown.errors ?? [];
  if (isReadable(event)) {
    return unknown(unknownValue === undefined ? "" : pathOf(event, unknownValue));
  }
  const [fault = { instancePath: "", keyword: "", params: {} }] = isReadable.errors ?? [];
  throw invalidEvent(event, kind, fault);
}

function utf8(payload: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payload);
  } catch {
    throw new DecodeError("syntax", "not valid UTF-8");
  }
}

function parse(json: string): UnknownEvent["event"] {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new DecodeError("syntax", error instanceof Error ? error.message : String(error));
  }
  if (!isObject(value)) {
    throw new DecodeError("missing_kind", "expected an object with a string `kind`");
  }
  const { kind } = value;
  if (typeof kind !== "string") {
    throw new DecodeError("missing_kind", "expected an object with a string `kind`");
  }
  return value as UnknownEvent["event"];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
