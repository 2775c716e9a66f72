// Parses an AsyncAPI document with the parser of the specification's authors, and prints what it reports, one a line.
import { readFile } from "node:fs/promises";
import { Parser } from "@asyncapi/parser";

const text = await readFile(process.argv[2], "utf8");
const { document, diagnostics } = await new Parser().parse(text);
for (const { severity, code, path, message } of diagnostics) {
  const names = ["error", "warning", "information", "hint"];
  console.log(`${names[severity]} ${code} at ${path.join("/")}: ${message}`);
}
if (document !== undefined) {
  console.log(`parsed ${document.channels().length} channels, ${document.operations().length} operations, ${document.messages().length} messages`);
}
