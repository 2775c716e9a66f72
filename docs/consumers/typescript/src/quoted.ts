const MAX_CHARS = 400;

/** Escapes what a terminal would interpret, and what is not ASCII or not Unicode, and cuts long texts. */
export function printable(text: string, maxChars = MAX_CHARS): string {
  const cut = text.length > maxChars ? `${text.slice(0, maxChars)}…` : text;
  // Separators, controls, formats such as bidirectional marks, lone surrogates, private use, unassigned.
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Returns the text in quotes, safe to print. */
export function quoted(text: string): string {
  return `"${printable(text, 100)}"`;
}
