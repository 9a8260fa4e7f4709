//! JSON envelopes in datagrams and payloads: recognised, never mistaken for pulses (`RTTP-13.1`).

use serde::Deserialize;
use serde::de::IgnoredAny;

/// What an envelope's header says; all of it may be missing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize, Debug)]
#[serde(default)]
pub struct EnvelopeHeader {
    /// Version of the envelope, if it is a number.
    #[serde(deserialize_with = "lenient")]
    pub version: Option<u64>,
    /// 0–255, higher goes first.
    #[serde(deserialize_with = "lenient")]
    pub priority: Option<u64>,
    /// Unix time, ms.
    #[serde(deserialize_with = "lenient")]
    pub timestamp: Option<u64>,
}

#[derive(Deserialize)]
struct Envelope {
    header: EnvelopeHeader,
    #[allow(dead_code, reason = "an envelope must have one")]
    payload: IgnoredAny,
}

/// The text and header of an envelope: a whole JSON object with `header` and `payload`.
#[inline]
#[must_use]
pub fn recognise(bytes: &[u8]) -> Option<(&str, EnvelopeHeader)> {
    // No dialect of pulses begins with a brace.
    if bytes.first() == Some(&b'{') { parse(bytes) } else { None }
}

#[cold]
fn parse(bytes: &[u8]) -> Option<(&str, EnvelopeHeader)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let envelope: Envelope = serde_json::from_str(text).ok()?;
    Some((text.trim_ascii_end(), envelope.header))
}

/// A number, or nothing where something else stands.
fn lenient<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<u64>, D::Error> {
    Ok(serde_json::Value::deserialize(value)?.as_u64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_an_object_with_header_and_payload_and_nothing_behind_it() {
        let text =
            br#"{"header":{"version":1,"priority":7,"timestamp":1700000000123},"payload":{"type":"x"},"meta":{}}"#;
        let header = EnvelopeHeader { version: Some(1), priority: Some(7), timestamp: Some(1_700_000_000_123) };
        assert_eq!(recognise(text).map(|(_, h)| h), Some(header));
        assert_eq!(
            recognise(b"{\"header\":{\"version\":\"1.0\"},\"payload\":1}\n").unwrap().1,
            EnvelopeHeader::default()
        );
        for other in [
            &b"{}"[..],
            b"{\"header\":{}}",
            b"{\"header\":3,\"payload\":1}",
            b"[1]",
            b"",
            b"{\"header\":{},\"payload\":1} x",
        ] {
            assert_eq!(recognise(other), None, "{}", String::from_utf8_lossy(other));
        }
        for end in 0..text.len() {
            assert_eq!(recognise(&text[..end]), None);
        }
    }
}
