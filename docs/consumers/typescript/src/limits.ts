import { DecodeError } from "./decode-error.js";

/** Limits that are checked before a payload is parsed. */
export interface Limits {
  /** Maximum size in bytes. Default: 512 KiB. */
  readonly maxBytes?: number;
  /** Maximum nesting depth in levels of arrays and objects, the event itself included. Default: 64. */
  readonly maxDepth?: number;
}

const DEFAULT_MAX_BYTES = 512 * 1024;
const DEFAULT_MAX_DEPTH = 64;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
/** `[` and `{`, and `]` and `}`, differ in this bit alone. */
const BRACE_BIT = 0x20;
const [OPENING, CLOSING] = [0x7b, 0x7d];

/** @throws DecodeError if the payload exceeds a limit. */
export function checkLimits(payload: Uint8Array, limits: Limits): void {
  const { maxBytes = DEFAULT_MAX_BYTES, maxDepth = DEFAULT_MAX_DEPTH } = limits;
  if (payload.length > maxBytes) {
    throw new DecodeError("too_large", `${payload.length} bytes exceed the limit of ${maxBytes}`);
  }
  if (isDeeperThan(payload, maxDepth)) {
    throw new DecodeError("too_deep", `nested deeper than the limit of ${maxDepth} levels`);
  }
}

function isDeeperThan(payload: Uint8Array, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let offset = 0; offset < payload.length; offset++) {
    const byte = payload[offset] ?? 0;
    if (byte === QUOTE) {
      inString = !inString;
    } else if (inString) {
      if (byte === BACKSLASH) {
        offset++;
      }
    } else if ((byte | BRACE_BIT) === OPENING) {
      depth++;
      if (depth > limit) {
        return true;
      }
    } else if ((byte | BRACE_BIT) === CLOSING) {
      depth--;
    }
  }
  return false;
}
