//! One JSON object a line. Numbers are taken as they are written, so that a time never goes through a float.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::collect::Collector;
use super::csv::lines;
use super::error::{Place, TraceError, printable};
use super::fields::{Column, Row};
use super::{Format, Trace};

/// Characters of serde_json's reason that a message has; it may repeat a key of any length.
const REASON: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Object<'a> {
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    time_ns: Option<&'a RawValue>,
    #[serde(borrow)]
    size: Option<&'a RawValue>,
    #[serde(borrow)]
    priority: Option<&'a RawValue>,
    #[serde(borrow)]
    fragments: Option<&'a RawValue>,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Trace, TraceError> {
    let mut collector = Collector::strict();
    for (line, place) in lines(bytes)? {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let object: Object<'_> = serde_json::from_slice(line).map_err(|e| not_an_object(place, line, &e))?;
        let (time_ns, row) = object.row(place)?;
        collector.push(place, time_ns, &row)?;
    }
    collector.finish(Format::JsonLines, 0)
}

fn not_an_object(place: Place, line: &[u8], error: &serde_json::Error) -> TraceError {
    // serde_json numbers lines within what it was given; ours is the one that counts.
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
    let reason = printable(reason.as_bytes(), REASON);
    let from = error.column().saturating_sub(1).min(line.len().saturating_sub(1));
    let expected =
        format!("an object such as {{\"time\": 0.001, \"size\": 512}} ({reason}, column {})", error.column());
    TraceError::value(place, "json", &line[from..], expected)
}

impl Object<'_> {
    fn row(&self, place: Place) -> Result<(u64, Row), TraceError> {
        let mut row = Row::EMPTY;
        for (column, value) in [
            (Column::Time, self.time),
            (Column::TimeNs, self.time_ns),
            (Column::Size, self.size),
            (Column::Priority, self.priority),
            (Column::Fragments, self.fragments),
        ] {
            let Some(value) = value else { continue };
            if column == Column::TimeNs && row.time_ns.is_some() {
                return Err(TraceError::value(
                    place,
                    "time_ns",
                    value.get().as_bytes(),
                    "`time` or `time_ns`, not both",
                ));
            }
            row.set(column, value.get().as_bytes(), place)?;
        }
        let time_ns = row.time_ns.ok_or_else(|| Column::Time.refuse(place, b""))?;
        Ok((time_ns, row))
    }
}
