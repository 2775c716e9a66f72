use bytes::Bytes;
use driver_events_types::{DecodeErrorKind, Decoded, Limits};

use super::malformed::Malformed;
use crate::cloudevents::{StructuredError, looks_structured, read_structured};
use crate::envelope::Envelope;

/// Prefix of most CloudEvents. Texts with it are tried as CloudEvents before bare events.
const STRUCTURED_PREFIX: &[u8] = br#"{"specversion":"#;

/// Decodes a line, a message or a record without attributes: a bare event, or a CloudEvent in structured mode.
///
/// For sources whose transport has no attributes of its own, or whose publisher set none.
///
/// # Errors
/// Returns the text as malformed if it is neither. The offset is a position in `text`.
pub fn decode_payload(text: Bytes, limits: Limits) -> Result<Envelope, Malformed> {
    let malformed = |text, error: StructuredError| Malformed::new(text, error.to_string(), error.offset());
    if text.starts_with(STRUCTURED_PREFIX) {
        match read_structured(&text, limits) {
            Ok(envelope) => return Ok(envelope),
            Err(error) if looks_structured(&text) => return Err(malformed(text, error)),
            // A bare event may have an unknown field `specversion`, which is ignored.
            Err(_) => {}
        }
    }
    let error = match Decoded::from_json_with(&text, limits) {
        Ok(content) => return Ok(Envelope::received(content, limits, text)),
        Err(error) => error,
    };
    // A CloudEvent has no `kind`, and it is larger and deeper than its event, to which the limits apply.
    let may_be_structured = matches!(
        error.kind(),
        DecodeErrorKind::MissingKind | DecodeErrorKind::TooLarge | DecodeErrorKind::TooDeep
    );
    match may_be_structured && looks_structured(&text) {
        true => read_structured(&text, limits).map_err(|error| malformed(text, error)),
        false => Err(Malformed::undecodable(text, &error)),
    }
}
