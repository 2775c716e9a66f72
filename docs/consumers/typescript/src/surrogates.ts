/** A pair of surrogates, a lone one, or any other escape. */
const ESCAPE = /\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\./gs;

/**
 * Replaces the escapes of lone surrogates in a JSON text with `\ufffd`: JavaScript writes `"\ud83d"` for a text that was
 * cut inside an emoji. The strings of the result are Unicode.
 */
export function replaceLoneSurrogates(json: string): string {
  return json.replace(ESCAPE, (escape: string, lone?: string) => (lone === undefined ? escape : "\\ufffd"));
}
