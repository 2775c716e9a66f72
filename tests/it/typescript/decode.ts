// Decodes each line of a file, as a consumer in its own project does, and prints the outcome as a line of JSON.
import { readFileSync } from "node:fs";
import { decode, DecodeError } from "driver-events";

const LINE_FEED = 0x0a;
const file = readFileSync(process.argv[2] ?? "");
for (let start = 0; start < file.length; ) {
  const end = file.indexOf(LINE_FEED, start);
  console.log(JSON.stringify(outcome(file.subarray(start, end))));
  start = end + 1;
}

function outcome(line: Uint8Array): object {
  try {
    const decoded = decode(line);
    const raw = Buffer.from(decoded.raw).toString("latin1");
    const { kind, event, inexact } = decoded;
    return decoded.known ? { known: true, kind, raw, event, inexact } : { known: false, kind, raw, event, inexact, path: decoded.path };
  } catch (error) {
    if (error instanceof DecodeError) {
      return { error: error.message };
    }
    throw error;
  }
}
