import { DecodeError } from "./decode-error.js";
import { nanoseconds } from "./duration.js";
import { epochNanoseconds } from "./time.js";

/** By definition of the schema: whether a text can be parsed. Its pattern accepts some that are out of range. */
export const formats: Readonly<Record<string, (text: string) => boolean>> = {
  Duration: (text) => isParsed(nanoseconds, text),
  Time: (text) => isParsed(epochNanoseconds, text),
};

function isParsed(parse: (text: string) => bigint, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    if (error instanceof DecodeError) {
      return false;
    }
    throw error;
  }
}
