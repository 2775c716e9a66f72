/** A quoted value, of publishers other than this project's. */
const QUOTED = /^"(.*)"$/s;
/** A run of percent-encoded bytes. */
const ENCODED = /(?:%[0-9a-fA-F]{2})+/g;

/**
 * Decodes the value of a NATS header: removes quotes and their escapes, then decodes every `%xy`, once. A `%` without two
 * hexadecimal digits is literal. Bytes that are not UTF-8 become U+FFFD.
 */
export function unescapeHeaderValue(value: string): string {
  const unquoted = QUOTED.exec(value)?.[1]?.replace(/\\(.)/gs, "$1") ?? value;
  return unquoted.replace(ENCODED, (encoded) => {
    const bytes = encoded
      .slice(1)
      .split("%")
      .map((digits) => Number.parseInt(digits, 16));
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  });
}
