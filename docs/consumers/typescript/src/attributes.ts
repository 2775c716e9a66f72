import { DecodeError } from "./decode-error.js";
import { unescapeHeaderValue } from "./header-value.js";

/** CloudEvents attributes of an event, named without a prefix. All are text; those that are not listed are kept, too. */
export interface Attributes {
  readonly specversion?: string;
  /** Id of the event, the same through every retry. Unique together with `source`. */
  readonly id?: string;
  readonly source?: string;
  readonly type?: string;
  /** Goal id. */
  readonly subject?: string;
  /** RFC 3339: `epochNanoseconds` or `date` parses it. */
  readonly time?: string;
  /** Number of the event within its goal and run, from 1. Ignore it without `producerrun`. */
  readonly sequence?: string;
  /** Run of the producer: changes each time that the numbering restarts. */
  readonly producerrun?: string;
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly [name: string]: string | undefined;
}

/** Headers of a NATS message: `MsgHdrs` of the NATS client, a `Map`, or an object. */
export type NatsHeaders =
  Iterable<readonly [string, string | readonly string[]]> | Readonly<Record<string, string | readonly string[]>>;

/** The value of a Kafka header. `null` is an absent attribute. */
export type KafkaHeaderValue = Uint8Array | string | null | undefined;

/** Headers of a Kafka record: pairs of name and value, or an object as `kafkajs` and its successors return. */
export type KafkaHeaders =
  | Iterable<readonly [string, KafkaHeaderValue]>
  | Readonly<Record<string, KafkaHeaderValue | readonly KafkaHeaderValue[]>>;

const NATS_PREFIX = "ce-";
const NATS_ID = "nats-msg-id";
/** Start of a `Nats-Msg-Id` that contains id, source and perhaps a prefix. */
const NATS_ID_PARTS = /^driver-events ([^ ]*) ([^ ]*)/;
/** The source of publishers that have not set one. */
const SOURCE_UNSET = "urn:driver-events:unset";
const KAFKA_PREFIX = "ce_";

/**
 * Returns the attributes of a NATS message. Names are case-insensitive, values are percent-decoded. Without `ce-id`, id and
 * source are those of `Nats-Msg-Id`.
 *
 * @throws DecodeError if an attribute has several different values.
 */
export function natsAttributes(headers: NatsHeaders | undefined): Attributes {
  const attributes = empty();
  let messageId: string | undefined;
  for (const [header, values] of natsEntries(headers)) {
    const name = header.toLowerCase();
    for (const value of typeof values === "string" ? [values] : values) {
      if (name === NATS_ID) {
        messageId = value;
      } else if (name.startsWith(NATS_PREFIX)) {
        setOnce(attributes, name.slice(NATS_PREFIX.length), unescapeHeaderValue(value));
      }
    }
  }
  if (messageId !== undefined && attributes["id"] === undefined) {
    const [, id = messageId, source] = NATS_ID_PARTS.exec(messageId) ?? [];
    attributes["id"] = unescapeHeaderValue(id);
    const decoded = source === undefined ? undefined : unescapeHeaderValue(source);
    if (decoded !== undefined && decoded !== SOURCE_UNSET) {
      attributes["source"] ??= decoded;
    }
  }
  return attributes;
}

/** Returns the attributes of a Kafka record. The last of several headers of a name counts. */
export function kafkaAttributes(headers: KafkaHeaders | undefined): Attributes {
  const attributes = empty();
  for (const [header, values] of kafkaEntries(headers)) {
    const value = isList(values) ? values.at(-1) : values;
    if (header.startsWith(KAFKA_PREFIX)) {
      const name = header.slice(KAFKA_PREFIX.length);
      if (value === null || value === undefined) {
        delete attributes[name];
      } else {
        attributes[name] = typeof value === "string" ? value : new TextDecoder().decode(value);
      }
    }
  }
  return attributes;
}

/** An object without a prototype: a header may be named `ce-__proto__`. */
function empty(): Record<string, string> {
  return Object.create(null) as Record<string, string>;
}

function setOnce(attributes: Record<string, string>, name: string, value: string): void {
  const earlier = attributes[name];
  if (earlier !== undefined && earlier !== value) {
    throw new DecodeError("invalid", `attribute \`${name}\` has several values`);
  }
  attributes[name] = value;
}

function natsEntries(headers: NatsHeaders = {}): Iterable<readonly [string, string | readonly string[]]> {
  return isIterable(headers) ? headers : Object.entries(headers);
}

function kafkaEntries(
  headers: KafkaHeaders = {},
): Iterable<readonly [string, KafkaHeaderValue | readonly KafkaHeaderValue[]]> {
  return isIterable(headers) ? headers : Object.entries(headers);
}

function isIterable<T>(value: Iterable<T> | object): value is Iterable<T> {
  return Symbol.iterator in value;
}

function isList(value: KafkaHeaderValue | readonly KafkaHeaderValue[]): value is readonly KafkaHeaderValue[] {
  return Array.isArray(value);
}
