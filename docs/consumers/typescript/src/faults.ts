import { DecodeError } from "./decode-error.js";
import { joined } from "./inexact.js";
import { quoted } from "./quoted.js";
import { definitions, type Fault } from "./validators.js";

const FORMS: Readonly<Record<string, string>> = {
  Id: "a UUID",
  Time: "an RFC 3339 time",
  Duration: 'a duration such as "1m 36s 410ms"',
};

/** Returns the path of the faulty value: of the tag, if the fault is an unknown one. */
export function pathOf(event: object, fault: Fault): string {
  return locate(event, fault).path;
}

/** Returns the error for an event that violates the readers' schema. */
export function invalidEvent(event: object, kind: string, fault: Fault): DecodeError {
  const { path, value } = locate(event, fault);
  return new DecodeError("invalid", reason(fault, value), kind, path);
}

function reason({ keyword, params }: Fault, value: unknown): string {
  switch (keyword) {
    case "required":
      return `missing field \`${String(params["missingProperty"])}\``;
    case "type":
      return `expected ${String(params["type"])}, found ${shown(value)}`;
    case "discriminator":
      return `expected string, found ${shown(value)}`;
    case "minimum":
    case "maximum":
      return `expected a number ${String(params["comparison"])} ${String(params["limit"])}, found ${shown(value)}`;
    case "pattern":
    case "format": {
      const name = keyword === "format" ? String(params["format"]) : (definitions.get(String(params["pattern"])) ?? "");
      return `expected ${FORMS[name] ?? "another form"}, found ${shown(value)}`;
    }
    default:
      return `violates \`${keyword}\` of the schema: ${shown(value)}`;
  }
}

function shown(value: unknown): string {
  if (typeof value === "string") {
    return quoted(value);
  }
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? "an array" : "an object";
  }
  return String(value);
}

function locate(event: object, fault: Fault): { path: string; value: unknown } {
  const pointer = fault.keyword === "discriminator" ? `${fault.instancePath}/kind` : fault.instancePath;
  let path = "";
  let value: unknown = event;
  for (const token of pointer.split("/").slice(1)) {
    const name = token.replaceAll("~1", "/").replaceAll("~0", "~");
    path = Array.isArray(value) ? `${path}[${name}]` : joined(path, name);
    value = (value as Record<string, unknown>)[name];
  }
  return { path, value };
}
