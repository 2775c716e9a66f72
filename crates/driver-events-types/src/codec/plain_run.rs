//! The bytes that a JSON string holds without an escape.

const CHUNK: usize = 16;

/// Returns the number of bytes before the first one that a JSON string escapes: a quote, a backslash, or a control
/// character.
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    let (chunks, _) = bytes.as_chunks::<CHUNK>();
    // Without an early exit, so that the compiler vectorises it.
    let is_plain = |chunk: &&[u8; CHUNK]| !chunk.iter().fold(false, |found, byte| found | is_escaped(byte));
    let run = CHUNK * chunks.iter().take_while(is_plain).count();
    let rest = bytes.get(run..).unwrap_or_default();
    run + rest.iter().take_while(|byte| !is_escaped(byte)).count()
}

fn is_escaped(byte: &u8) -> bool {
    (*byte < b' ') | (*byte == b'"') | (*byte == b'\\')
}
