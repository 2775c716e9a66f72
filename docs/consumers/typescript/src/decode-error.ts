import { printable } from "./quoted.js";

/**
 * The cause of a {@link DecodeError}.
 *
 * - `too_large`, `too_deep`: the payload exceeds a limit and was not parsed.
 * - `syntax`: the payload is not UTF-8 or not JSON.
 * - `missing_kind`: the JSON is not an object with a string `kind`: not a driver event.
 * - `invalid`: a field is missing or has a wrong value, or a duration, a time or an attribute is malformed.
 */
export type DecodeErrorCode = "too_large" | "too_deep" | "syntax" | "missing_kind" | "invalid";

/**
 * A malformed payload, attribute, duration or time. Report it, and continue with the next message.
 *
 * `message` is one line of bounded length without terminal escapes, whatever the payload contains.
 */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly code: DecodeErrorCode;
  /** The event's `kind`, if it can be read. Untrusted text: not bounded, not escaped. */
  readonly eventKind: string | undefined;
  /** Path of the field, such as `goal.acceptance[0].kind`. Empty if the error concerns the whole payload. Untrusted. */
  readonly path: string;

  constructor(code: DecodeErrorCode, reason: string, eventKind?: string, path = "") {
    const field = [eventKind, path].filter((part) => part !== undefined && part !== "").join(".");
    super(field === "" ? printable(reason) : `${printable(field, 200)}: ${printable(reason)}`);
    this.code = code;
    this.eventKind = eventKind;
    this.path = path;
  }
}
