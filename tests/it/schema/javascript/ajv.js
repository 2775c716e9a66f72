// Compiles schemas with Ajv in strict mode, with their formats, and validates the lines of files by those of all kinds and, if
// they have the kind, of one.
//
// usage: ajv.js FOLDER FILE…
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [folder, ...files] = process.argv.slice(2);
const kinds = join(folder, "kinds");
const paths = ["event.json", "event.strict.json", ...readdirSync(kinds).map((name) => join("kinds", name))];
const events = files.flatMap((file) => readFileSync(file, "utf8").trimEnd().split("\n")).map((line) => JSON.parse(line));

let validations = 0;
for (const path of paths) {
  const ajv = new Ajv2020({ strict: true, strictTypes: true, strictTuples: true, allErrors: true });
  addFormats.default(ajv);
  const schema = JSON.parse(readFileSync(join(folder, path), "utf8"));
  const validate = ajv.compile(schema);
  for (const event of events) {
    const isOfAllKinds = !path.startsWith("kinds");
    const isOfThisKind = path.split(/[/.]/)[1] === event.kind;
    if (validate(event) !== (isOfAllKinds || isOfThisKind)) {
      throw new Error(`${path}: ${JSON.stringify(event)}: ${ajv.errorsText(validate.errors)}`);
    }
    validations++;
  }
}
console.log(`${paths.length} schemas, ${validations} validations`);
