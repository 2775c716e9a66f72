import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  AckPolicy,
  type Consumer,
  type JsMsg,
  jetstream,
  jetstreamManager,
  JetStreamApiCodes,
  JetStreamApiError,
} from "@nats-io/jetstream";
import { connect, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import {
  type Attributes,
  type Decoded,
  decode,
  DecodeError,
  milliseconds,
  natsAttributes,
  type Observation,
  unescapeHeaderValue,
  Watcher,
} from "driver-events";

const HELP = `Reads driver events from NATS and reports gaps and duplicates.

    nats_consumer.js                                      subscribe to new events
    nats_consumer.js --stream DRIVER --durable dashboard  read a stream with a durable consumer

  --subject SUBJECT  subject to subscribe to, without --stream (default: agent.driver.>)
  --stream STREAM    stream to read
  --durable NAME     durable consumer, created if it does not exist
  --count COUNT      exit after this number of messages
  --json             print whole messages, one JSON object per line

NATS_URL sets the servers, and the user and password: nats://USER:PASSWORD@HOST:PORT (default:
nats://127.0.0.1:4222).`;

const { values: options } = parseArgs({
  options: {
    subject: { type: "string", default: "agent.driver.>" },
    stream: { type: "string" },
    durable: { type: "string" },
    count: { type: "string", default: "Infinity" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const FETCHED = 100;

/** Ends the current subscription or fetch after the current message. Set by SIGINT and SIGTERM. */
const stop = new AbortController();
const watcher = new Watcher();
let left = Number(options.count);

async function main(): Promise<void> {
  const urls = (process.env["NATS_URL"] ?? "nats://127.0.0.1:4222").split(",").map((url) => new URL(url));
  const servers = urls.map(({ host }) => host);
  // The client takes the credentials as options.
  const [{ username, password } = { username: "", password: "" }] = urls;
  const [user, pass] = [username, password].map(decodeURIComponent);
  const login = user === undefined || user === "" ? {} : { user, pass: pass ?? "" };
  const connection = await connect({ servers, maxReconnectAttempts: -1, ...login });
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => stop.abort());
  }
  const logged = logStatus(connection);
  try {
    await (options.stream === undefined ? subscribe(connection) : readStream(connection, options.stream));
  } finally {
    await connection.close();
    await logged;
  }
}

async function subscribe(connection: NatsConnection): Promise<void> {
  const subscription = connection.subscribe(options.subject);
  stop.signal.addEventListener("abort", () => subscription.unsubscribe());
  for await (const message of subscription) {
    show(message);
    left--;
    if (left <= 0 || stop.signal.aborted) {
      return;
    }
  }
}

async function readStream(connection: NatsConnection, stream: string): Promise<void> {
  const consumer = await openConsumer(connection, stream);
  while (left > 0 && !stop.signal.aborted) {
    try {
      await readBatch(consumer);
    } catch (error) {
      // JetStream may return.
      log(error);
      await sleep(1000);
    }
  }
}

/** Returns the durable consumer, which is created if it does not exist, or an ephemeral one. */
async function openConsumer(connection: NatsConnection, stream: string): Promise<Consumer> {
  // The check would need the permission for the account's info.
  const { consumers } = await jetstreamManager(connection, { checkAPI: false });
  const settings = { ack_policy: AckPolicy.Explicit };
  let name = options.durable;
  if (name === undefined) {
    ({ name } = await consumers.add(stream, settings));
  } else {
    try {
      await consumers.info(stream, name);
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound)) {
        throw error;
      }
      await consumers.add(stream, { ...settings, durable_name: name });
    }
  }
  return jetstream(connection).consumers.get(stream, name);
}

async function readBatch(consumer: Consumer): Promise<void> {
  const messages = await consumer.fetch({ max_messages: Math.min(left, FETCHED), expires: 5_000 });
  const stopFetch = (): void => messages.stop();
  stop.signal.addEventListener("abort", stopFetch);
  try {
    for await (const message of messages) {
      const isEvent = show(message);
      left--;
      await settle(message, isEvent);
      if (stop.signal.aborted) {
        return;
      }
    }
  } finally {
    stop.signal.removeEventListener("abort", stopFetch);
  }
}

/** After the work: messages that are not settled are redelivered. */
async function settle(message: JsMsg, isEvent: boolean): Promise<void> {
  if (isEvent) {
    await message.ackAck();
  } else {
    message.term("malformed");
  }
}

/** Prints the message. Returns whether it is an event. */
function show(message: Msg | JsMsg): boolean {
  let isEvent = false;
  let attributes: Attributes = {};
  let text: string;
  try {
    attributes = natsAttributes(message.headers);
    text = describe(decode(message.data), attributes);
    isEvent = true;
  } catch (error) {
    if (!(error instanceof DecodeError)) {
      throw error;
    }
    text = `malformed: ${error.message}`;
  }
  const note = noteOf(watcher.observe(attributes));
  if (options.json) {
    const headers = decodedHeaders(message.headers);
    const payload = new TextDecoder().decode(message.data);
    console.log(JSON.stringify({ subject: message.subject, headers, payload, note }));
  } else {
    console.log(ascii(text) + (note === "" ? "" : ` (${note})`));
  }
  return isEvent;
}

function describe(decoded: Decoded, attributes: Attributes): string {
  const sequence = (attributes.sequence ?? "-").replace(/^0+/, "");
  const words = [decoded.kind, attributes.subject ?? goalOf(decoded.event), sequence];
  // The kind selects the type of the event.
  if (decoded.known && decoded.event.kind === "goal_completed") {
    words.push(`took ${Math.trunc(milliseconds(decoded.event.outcome.elapsed))}ms`);
  }
  return words.join(" ");
}

/** Looks for the goal's id where known kinds have it. An unknown kind may have it there, too. */
function goalOf(event: object): string {
  const fields = event as Readonly<Record<string, unknown>>;
  for (const part of [event, fields["goal"], fields["outcome"], fields["result"], fields["decision"]]) {
    const { goal_id, id } = (part ?? {}) as Readonly<Record<string, unknown>>;
    const found = goal_id ?? id;
    if (typeof found === "string") {
      return found;
    }
  }
  return "-";
}

function noteOf(observation: Observation): string {
  switch (observation.status) {
    case "next":
      return "";
    case "gap":
      return `${observation.missing} missing before`;
    default:
      return observation.status;
  }
}

function decodedHeaders(headers: MsgHdrs | undefined): Record<string, string> {
  return Object.fromEntries(
    [...(headers ?? [])].map(([name, [value = ""]]) => [name.toLowerCase(), unescapeHeaderValue(value)]),
  );
}

/** Escapes a text so that it is safe to print to a terminal. */
function ascii(text: string): string {
  return text.replace(/[^ -~]/g, (unit) => {
    const code = unit.charCodeAt(0).toString(16);
    return code.length <= 2 ? `\\x${code.padStart(2, "0")}` : `\\u${code.padStart(4, "0")}`;
  });
}

async function logStatus(connection: NatsConnection): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "reconnect") {
      log("reconnected; without a stream, events published meanwhile are missing");
    } else if (status.type === "error") {
      log(status.error);
    } else if (status.type === "disconnect") {
      log(`disconnected from ${status.server}`);
    }
  }
}

function log(error: unknown): void {
  console.error("nats:", error instanceof Error ? error.message : error);
}

if (options.help) {
  console.log(HELP);
} else {
  await main();
}
