// Writes src/types.ts, the types of the events, from the schema. With `--check`, compares them instead.
import { readFile, writeFile } from "node:fs/promises";
import { compile } from "json-schema-to-typescript";

const SCHEMA = new URL("../src/schema/event.strict.json", import.meta.url);
const TYPES = new URL("../src/types.ts", import.meta.url);

const schema = JSON.parse(await readFile(SCHEMA, "utf8"));
const types = await compile(forGenerator(schema), schema.title, {
  // A field that this version does not know is present in an event, but not in its type: a misspelt name is an error.
  additionalProperties: false,
  bannerComment: "// `npm run generate` writes this file from schema/event.strict.json.",
  style: { printWidth: 120 },
});
if (!process.argv.includes("--check")) {
  await writeFile(TYPES, types);
} else if ((await readFile(TYPES, "utf8")) !== types) {
  console.error("src/types.ts differs from what the schema generates: run `npm run generate`");
  process.exitCode = 1;
}

/** Rewrites what json-schema-to-typescript has no good type for. */
function forGenerator(schema) {
  const definitions = Object.entries(schema.$defs);
  return { ...schema, $defs: Object.fromEntries(definitions.map(([name, each]) => [name, definition(each)])) };
}

function definition(schema) {
  const fields = Object.entries(schema.properties ?? {}).map(([name, each]) => [name, field(each)]);
  return fields.length === 0 ? schema : { ...schema, properties: Object.fromEntries(fields) };
}

function field(schema) {
  const { description, $ref, type } = schema;
  if ($ref !== undefined) {
    // A reference with a description beside it would become a copy of the type, under another name.
    return { description, allOf: [{ $ref }] };
  }
  if (type === "object") {
    return { description, tsType: "Record<string, unknown>" };
  }
  const isAnyJson = !["type", "const", "enum", "anyOf", "oneOf"].some((keyword) => keyword in schema);
  return isAnyJson ? { description, tsType: "unknown" } : schema;
}
