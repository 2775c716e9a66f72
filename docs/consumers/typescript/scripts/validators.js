// Writes dist/validators.js: the schemas as functions, so that a reader needs no validator at run time and no `eval`.
import { readFile, writeFile } from "node:fs/promises";
import { _ } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import standaloneCode from "ajv/dist/standalone/index.js";

const ajv = new Ajv2020({
  code: { source: true, esm: true, formats: _`formats` },
  discriminator: true,
  // A function for each definition, and not a copy in each place that refers to it.
  inlineRefs: false,
  // src/faults.ts has the messages.
  messages: false,
});
// The forms that a pattern cannot check completely. dist/formats.js has the functions.
const FORMATS = ["Time", "Duration"];
for (const name of FORMATS) {
  ajv.addFormat(name, () => true);
}
const validators = {};
const tables = [];
for (const [table, file] of [
  ["strict", "event.strict.json"],
  ["readers", "event.json"],
]) {
  const schema = JSON.parse(await readFile(new URL(`../src/schema/${file}`, import.meta.url), "utf8"));
  const definitions = mapValues(schema.$defs, forAjv);
  for (const name of FORMATS) {
    definitions[name].format = name;
  }
  ajv.addSchema({ $id: schema.$id, $defs: definitions });
  const kinds = Object.entries(schema.$defs).filter(([name]) => isMember(schema, name));
  const rows = kinds.map(([name, { properties }]) => {
    validators[`${table}${name}`] = `${schema.$id}#/$defs/${name}`;
    return [properties.kind.const, `${table}${name}`];
  });
  tables.push(mapCode(table, rows));
  if (table === "strict") {
    const patterns = Object.entries(schema.$defs).filter(([, { pattern }]) => pattern !== undefined);
    tables.push(
      mapCode(
        "definitions",
        patterns.map(([name, { pattern }]) => [pattern, JSON.stringify(name)]),
      ),
    );
  }
}
const code = standaloneCode.default(ajv, validators).replaceAll("export const ", "const ");
if (code.includes("require(")) {
  throw new Error("the generated validators need a run-time library of Ajv");
}
const imports = 'import { formats } from "./formats.js";';
await writeFile(new URL("../dist/validators.js", import.meta.url), `${imports}${code}\n${tables.join("\n")}\n`);

function isMember(schema, name) {
  return schema.oneOf.some(({ $ref }) => $ref === `#/$defs/${name}`);
}

function mapCode(name, rows) {
  const entries = rows.map(([key, value]) => `[${JSON.stringify(key)}, ${value}]`);
  return `export const ${name} = new Map([${entries.join(", ")}]);`;
}

/**
 * Removes annotations. Adds to each union of tagged objects the keyword with which Ajv checks only the member that the tag
 * names, so that an error is about that member. The member for unknown tags is checked first.
 */
function forAjv(schema) {
  const { title, description, examples, format, default: _, $defs, ...rest } = schema;
  if ("pattern" in rest) {
    // Excludes a line feed at the end, before which the `$` of other languages matches. That of JavaScript does not.
    delete rest.not;
  }
  for (const keyword of ["items", "not"]) {
    if (keyword in rest) {
      rest[keyword] = forAjv(rest[keyword]);
    }
  }
  if ("properties" in rest) {
    rest.properties = mapValues(rest.properties, forAjv);
  }
  if ("anyOf" in rest) {
    rest.anyOf = rest.anyOf.map(forAjv);
  }
  if (!("oneOf" in rest)) {
    return rest;
  }
  const { oneOf, ...others } = rest;
  const members = oneOf.filter((member) => "$ref" in member);
  const known = { type: "object", required: ["kind"], discriminator: { propertyName: "kind" }, oneOf: members };
  const unknown = oneOf.filter((member) => !("$ref" in member)).map(forAjv);
  if (unknown.length > 1) {
    throw new Error("a union has several members without a name");
  }
  return { ...others, ...(unknown.length === 0 ? known : { if: unknown[0], else: known }) };
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}
