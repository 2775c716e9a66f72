import { DecodeError } from "./decode-error.js";
import { quoted } from "./quoted.js";

const SECOND = 1_000_000_000n;
const MAX_U64 = 2n ** 64n - 1n;

/** Nanoseconds of each unit. A month is 30.44 days, a year is 365.25 days. */
const UNITS: ReadonlyMap<string, bigint> = new Map(
  (
    [
      [1n, "ns nsec nanos"],
      [1_000n, "us usec µs"],
      [1_000_000n, "ms msec millis"],
      [SECOND, "s sec secs second seconds"],
      [60n * SECOND, "m min mins minute minutes"],
      [3_600n * SECOND, "h hr hrs hour hours"],
      [86_400n * SECOND, "d day days"],
      [604_800n * SECOND, "w wk wks week weeks"],
      [2_630_016n * SECOND, "M month months"],
      [31_557_600n * SECOND, "y yr yrs year years"],
    ] as const
  ).flatMap(([scale, names]) => names.split(" ").map((name) => [name, scale] as const)),
);

// Unicode's `White_Space`, which is not JavaScript's `\s`.
const SPACE = "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
/** A number with an optional fraction, and its unit. Spaces may be between the digits. */
const PART = new RegExp(`([0-9][0-9${SPACE}]*)(?:\\.([0-9${SPACE}]*))?([a-zA-Zµ]+)[${SPACE}]*`, "y");
const LEADING_SPACE = new RegExp(`^[${SPACE}]*`);
const SPACES = new RegExp(`[${SPACE}]`, "g");

/**
 * Parses a duration, such as `1m 36s 410ms`, into nanoseconds.
 *
 * Accepts the forms that the Rust library accepts: the written one, other names of the units, and fractions.
 *
 * @throws DecodeError if the text is not a duration, or exceeds 64 bits of seconds.
 */
export function nanoseconds(duration: string): bigint {
  if (duration === "0") {
    return 0n;
  }
  PART.lastIndex = LEADING_SPACE.exec(duration)?.[0].length ?? 0;
  let sum: bigint | undefined;
  while (PART.lastIndex < duration.length) {
    const [, whole = "", fraction, unit = ""] = PART.exec(duration) ?? invalid(duration);
    const scale = UNITS.get(unit) ?? invalid(duration);
    sum = (sum ?? 0n) + wholeUnits(whole, scale, duration) + fractionOfUnit(fraction, scale, duration);
  }
  if (sum === undefined) {
    return invalid(duration);
  }
  return sum < 2n ** 64n * SECOND ? sum : tooLarge(duration);
}

/** Parses a duration, as {@link nanoseconds} does, into milliseconds. Digits beyond those of a number are lost. */
export function milliseconds(duration: string): number {
  return Number(nanoseconds(duration)) / 1e6;
}

function wholeUnits(digits: string, scale: bigint, duration: string): bigint {
  const number = BigInt(digits.replace(SPACES, ""));
  const total = number * scale;
  // The library counts units of less than a second in nanoseconds, others in seconds, both of 64 bits.
  const counted = scale < SECOND ? total : total / SECOND;
  return number <= MAX_U64 && counted <= MAX_U64 ? total : tooLarge(duration);
}

function fractionOfUnit(fraction: string | undefined, scale: bigint, duration: string): bigint {
  if (fraction === undefined) {
    return 0n;
  }
  const digits = fraction.replace(SPACES, "");
  if (digits === "") {
    return invalid(duration);
  }
  const [numerator, denominator] = [BigInt(digits), 10n ** BigInt(digits.length)];
  // A fraction of an hour or a longer unit is a whole number of seconds.
  const precision = scale > 60n * SECOND ? SECOND : 1n;
  const product = numerator * (scale / precision);
  const isExact = scale > 1n && product % denominator === 0n;
  return isExact && denominator <= MAX_U64 && product <= MAX_U64
    ? (product / denominator) * precision
    : inexact(duration);
}

function invalid(duration: string): never {
  throw new DecodeError("invalid", `invalid duration ${quoted(duration)}, expected a form like "1m 36s 410ms"`);
}

function inexact(duration: string): never {
  throw new DecodeError("invalid", `invalid duration ${quoted(duration)}: its fraction has too many digits`);
}

function tooLarge(duration: string): never {
  throw new DecodeError("invalid", `invalid duration ${quoted(duration)}: more than 64 bits`);
}
