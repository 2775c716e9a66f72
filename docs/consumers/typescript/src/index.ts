export {
  type Attributes,
  type KafkaHeaders,
  type KafkaHeaderValue,
  kafkaAttributes,
  type NatsHeaders,
  natsAttributes,
} from "./attributes.js";
export { type Decoded, decode, type EventKind, type KnownEvent, type UnknownEvent } from "./decode.js";
export { DecodeError, type DecodeErrorCode } from "./decode-error.js";
export { milliseconds, nanoseconds } from "./duration.js";
export { unescapeHeaderValue } from "./header-value.js";
export type { Limits } from "./limits.js";
export { date, epochNanoseconds } from "./time.js";
export type * from "./types.js";
export { type Observation, Watcher } from "./watcher.js";
