import { DecodeError } from "./decode-error.js";
import { quoted } from "./quoted.js";

const TIME =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+\-−])([0-9]{2}):([0-9]{2}))$/;

/**
 * Parses an RFC 3339 time, of an event or of the attribute `time`, into nanoseconds since 1970. Any UTC offset is
 * accepted; a leap second counts as the first second after it.
 *
 * @throws DecodeError if the text is not such a time, or not in the years 0000 to 9999 of UTC.
 */
export function epochNanoseconds(time: string): bigint {
  const match = TIME.exec(time);
  if (match === null) {
    return invalid(time);
  }
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHour = 0, offsetMinute = 0] = match;
  const [h, m, s, offsetH, offsetM] = [hour, minute, second, offsetHour, offsetMinute].map(Number) as Five;
  if (h > 23 || m > 59 || s > 60 || offsetH > 23 || offsetM > 59) {
    return invalid(time);
  }
  // `Date.UTC` takes years below 100 for those of the 20th century.
  const midnight = Date.parse(`${year}-${month}-${day}T00:00:00Z`);
  // A day that a month does not have becomes one of the next month.
  if (Number.isNaN(midnight) || new Date(midnight).getUTCDate() !== Number(day)) {
    return invalid(time);
  }
  const offset = (offsetH * 60 + offsetM) * (sign === "+" ? -1 : 1);
  const minuteStart = midnight + (h * 60 + m + offset) * 60_000;
  const utcYear = new Date(minuteStart).getUTCFullYear();
  if (utcYear < 0 || utcYear > 9999) {
    return invalid(time);
  }
  return BigInt(minuteStart + s * 1000) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}

/** Parses a time, as {@link epochNanoseconds} does, into a `Date`, which keeps milliseconds: it rounds down. */
export function date(time: string): Date {
  const nanoseconds = epochNanoseconds(time);
  const remainder = nanoseconds % 1_000_000n;
  const floor = nanoseconds - (remainder < 0n ? remainder + 1_000_000n : remainder);
  return new Date(Number(floor / 1_000_000n));
}

type Five = [number, number, number, number, number];

function invalid(time: string): never {
  throw new DecodeError(
    "invalid",
    `invalid RFC 3339 time ${quoted(time)}, expected a form like "2026-05-04T09:30:12.250Z"`,
  );
}
