//! The golden vectors, written by hand: tests/vectors/README.md says how to read them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a malformed vector file is a failed test")]

use std::fs;
use std::path::Path;

use rttp_proto::codec::{self, Value};
use rttp_proto::dialect::{Dialect, Order, Type};
use rttp_proto::dialects::find;
use serde_json::Value as Json;

fn vectors() -> Vec<Json> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let json = files.filter(|path| path.extension().is_some_and(|e| e == "json"));
    json.flat_map(|path| serde_json::from_slice::<Vec<Json>>(&fs::read(path).unwrap()).unwrap()).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let part = |part: &str| {
        let (digits, times) = part.split_once('*').unwrap_or((part, "1"));
        let bytes: Vec<u8> = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect();
        bytes.repeat(times.parse().unwrap())
    };
    text.split_whitespace().flat_map(part).collect()
}

fn datagram(vector: &Json) -> Vec<u8> {
    vector["hex"].as_array().unwrap().iter().flat_map(|part| unhex(part.as_str().unwrap())).collect()
}

fn dialect(vector: &Json) -> &'static Dialect {
    let order = if vector["byte_order"] == "little" { Order::Little } else { Order::Big };
    find(vector["dialect"].as_str().unwrap(), order).expect("a dialect of the table")
}

fn value(dialect: &Dialect, name: &str, json: &Json) -> Value {
    match (dialect.field(name).expect("a field of the table").ty, json) {
        (Type::Uint(_), Json::String(hex)) => {
            Value::Uint(u128::from_str_radix(hex.strip_prefix("0x").unwrap(), 16).unwrap())
        }
        (Type::Uint(_), number) => Value::Uint(number.as_u64().unwrap().into()),
        (Type::Bytes(_), hex) => Value::Bytes(unhex(hex.as_str().unwrap())),
        (Type::Text(_), text) => Value::Bytes(text.as_str().unwrap().as_bytes().to_vec()),
    }
}

#[test]
fn a_good_pulse_is_read_field_by_field_and_written_back_byte_for_byte() {
    let mut seen = 0;
    for vector in vectors() {
        let Some(fields) = vector["fields"].as_object() else { continue };
        let (name, dialect, data) = (&vector["name"], dialect(&vector), datagram(&vector));
        let extent = dialect.judge(&data).unwrap_or_else(|r| panic!("{name}: {r}"));
        let rows: Vec<(String, Value)> = codec::rows(dialect, &data).map(|(f, v)| (f.name.to_owned(), v)).collect();
        assert_eq!(rows.len(), fields.len(), "{name}");
        for (field, found) in &rows {
            assert_eq!(*found, value(dialect, field, &fields[field]), "{name}: {field}");
        }
        let given: Vec<(String, Value)> = fields.iter().map(|(n, j)| (n.clone(), value(dialect, n, j))).collect();
        assert_eq!(codec::emit(dialect, &given, 0).unwrap(), data[..extent.header], "{name}");
        let (payload, tag) = data[extent.header..].split_at(data.len() - extent.header - extent.tag);
        assert_eq!(payload, unhex(vector["payload"].as_str().unwrap()), "{name}");
        assert_eq!(tag, unhex(vector["tag"].as_str().unwrap()), "{name}");
        seen += 1;
    }
    assert!(seen >= 12, "three good pulses for each of four dialects, found {seen}");
}

#[test]
fn a_bad_datagram_is_refused_with_its_slug_and_offset() {
    let mut seen = 0;
    for vector in vectors() {
        let Some(reject) = vector["reject"].as_object() else { continue };
        let found = dialect(&vector).judge(&datagram(&vector)).expect_err("a bad datagram");
        let wanted = (reject["slug"].as_str().unwrap(), reject["offset"].as_u64().unwrap());
        assert_eq!((found.slug.as_str(), u64::from(found.offset)), wanted, "{}", vector["name"]);
        seen += 1;
    }
    assert!(seen >= 20, "found {seen}");
}
