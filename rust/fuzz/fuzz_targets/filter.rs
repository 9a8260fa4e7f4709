#![no_main]

use std::borrow::Cow;

use rttp_decode::filter::{Column, ColumnKind, Filter, Rows, Values};

const FLAGS: &[(&str, u64)] = &[("FEC", 0x80), ("SEALED", 0x40), ("ECHO", 0x20)];
const COLUMNS: &[Column] = &[
    Column { name: "priority", kind: ColumnKind::Number, names: &[] },
    Column { name: "kind", kind: ColumnKind::Number, names: &[("PING", 4), ("DATA", 0x10), ("REQUEST", 0x11)] },
    Column { name: "flags", kind: ColumnKind::Bits, names: FLAGS },
    Column { name: "gap", kind: ColumnKind::Duration, names: &[] },
    Column { name: "time", kind: ColumnKind::Time, names: &[] },
    Column { name: "print", kind: ColumnKind::Bytes, names: &[] },
    Column { name: "file", kind: ColumnKind::Text, names: &[] },
    Column { name: "source", kind: ColumnKind::Address, names: &[] },
    Column { name: "late", kind: ColumnKind::Flag, names: &[] },
    Column { name: "jitter", kind: ColumnKind::Duration, names: &[] },
];

struct Fixed;

impl Rows for Fixed {
    fn len(&self) -> usize {
        3
    }

    fn values(&self, column: usize) -> Values<'_> {
        let valid = Some(Cow::Borrowed(&[true, true, false][..]));
        match COLUMNS[column].kind {
            ColumnKind::Duration => Values::Signed { values: Cow::Borrowed(&[i64::MIN, 300_000, 0]), valid },
            ColumnKind::Bytes => Values::Bytes(vec![Some(b"\xab\x12"), Some(b""), None]),
            ColumnKind::Text => Values::Text(vec![Some("a.pcap"), Some(""), None]),
            ColumnKind::Address => Values::Addresses(vec![[10, 0, 0, 1].into(), [0u8; 16].into(), [255u8; 16].into()]),
            _ => Values::Numbers { values: Cow::Borrowed(&[u64::MAX, 0x80, 0]), valid },
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let length = text.chars().count();
    match Filter::parse(&text, COLUMNS) {
        Ok(filter) => {
            let mut mask = Vec::new();
            filter.select(&Fixed, &mut mask);
            assert_eq!(mask.len(), 3);
            let turned = Filter::parse(&format!("not ({text})"), COLUMNS);
            // It may be too long or too deep by now, but when it is read it says the opposite.
            if let Ok(turned) = turned {
                let mut opposite = Vec::new();
                turned.select(&Fixed, &mut opposite);
                assert!(mask.iter().zip(&opposite).all(|(a, b)| a != b));
            }
        }
        Err(error) => {
            assert!(error.at <= length && error.length >= 1);
            assert_eq!(error.pointer(&text).lines().count(), 2);
        }
    }
});
