//! Text with columns: one line an entry, nothing allocated for a line.

use memchr::{memchr, memchr2};

use super::collect::Collector;
use super::error::{Place, TraceError};
use super::fields::{Column, Row};
use super::{Format, Trace, without_mark};

pub(super) fn parse(bytes: &[u8]) -> Result<Trace, TraceError> {
    let mut collector = Collector::strict();
    let mut layout: Option<Layout> = None;
    for (line, place) in lines(bytes)? {
        let line = memchr(b'#', line).map_or(line, |at| &line[..at]);
        if line.trim_ascii().is_empty() {
            continue;
        }
        if layout.is_none() {
            let separator = Separator::of(line);
            if let Some(named) = Layout::of_header(line, separator, place)? {
                layout = Some(named);
                continue;
            }
            layout = Some(Layout { separator, columns: Column::DEFAULT, used: Column::DEFAULT.len() });
        }
        if let Some(layout) = &layout {
            let row = layout.row(line, place)?;
            let time_ns = row.time_ns.ok_or_else(|| Column::Time.refuse(place, b""))?;
            collector.push(place, time_ns, &row)?;
        }
    }
    collector.finish(Format::Csv, 0)
}

/// The lines of a text with their places; refuses what is not UTF-8 before any of it is used.
pub(super) fn lines(bytes: &[u8]) -> Result<impl Iterator<Item = (&[u8], Place)>, TraceError> {
    let bytes = without_mark(bytes);
    if let Err(bad) = str::from_utf8(bytes) {
        let (good, rest) = bytes.split_at(bad.valid_up_to());
        let line = 1 + good.iter().filter(|b| **b == b'\n').count() as u64;
        let found = &rest[..rest.len().min(8)];
        let expected = "UTF-8 text, pcap or pcapng (a compressed file must be decompressed first)";
        return Err(TraceError::value(Place::Line(line), "text", found, expected));
    }
    let mut rest = Some(bytes);
    let mut number = 0;
    Ok(std::iter::from_fn(move || {
        let text = rest?;
        number += 1;
        let (line, behind) = match memchr(b'\n', text) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        rest = behind;
        Some((line, Place::Line(number)))
    }))
}

/// What stands between two cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Separator {
    /// Exactly this byte: an empty cell is one that is not given.
    One(u8),
    /// Any number of spaces and tabs.
    Blank,
}

impl Separator {
    /// The strongest that the first line has: a comma beside semicolons would be a decimal one, and a tab beside inner
    /// spaces is one blank among others.
    fn of(line: &[u8]) -> Separator {
        let has = |separator: &u8| memchr(*separator, line.trim_ascii()).is_some();
        match [b';', b',', b'\t'].into_iter().find(has) {
            Some(b'\t') if line.split(|b| *b == b'\t').any(|cell| memchr(b' ', cell.trim_ascii()).is_some()) => {
                Separator::Blank
            }
            Some(separator) => Separator::One(separator),
            None => Separator::Blank,
        }
    }

    /// The cells of a line, without the blanks round them.
    #[inline]
    fn cells(self, line: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = Some(line);
        std::iter::from_fn(move || {
            let mut text = rest?;
            let at = match self {
                Separator::One(byte) => memchr(byte, text),
                Separator::Blank => {
                    text = text.trim_ascii();
                    memchr2(b' ', b'\t', text)
                }
            };
            rest = at.map(|at| &text[at + 1..]);
            Some(at.map_or(text, |at| &text[..at]).trim_ascii())
        })
    }
}

/// Which cell is which column.
#[derive(Debug)]
struct Layout {
    separator: Separator,
    columns: [Column; 4],
    used: usize,
}

impl Layout {
    /// A line that names a column is a header, and then all its cells must be names.
    fn of_header(line: &[u8], separator: Separator, place: Place) -> Result<Option<Layout>, TraceError> {
        let named = |cell: &[u8]| Column::DEFAULT.into_iter().find(|c| cell.eq_ignore_ascii_case(c.name().as_bytes()));
        if separator.cells(line).all(|cell| named(cell).is_none()) {
            return Ok(None);
        }
        let mut layout = Layout { separator, columns: Column::DEFAULT, used: 0 };
        for cell in separator.cells(line) {
            let Some(column) = named(cell) else {
                return Err(TraceError::value(place, "column", cell, "time, size, priority or fragments"));
            };
            // A fifth name repeats one of four.
            if layout.columns[..layout.used].contains(&column) {
                return Err(TraceError::value(place, "column", cell, "each column once"));
            }
            layout.columns[layout.used] = column;
            layout.used += 1;
        }
        if !layout.columns[..layout.used].contains(&Column::Time) {
            return Err(TraceError::value(place, "column", line.trim_ascii(), "a column `time` among them"));
        }
        Ok(Some(layout))
    }

    #[inline]
    fn row(&self, line: &[u8], place: Place) -> Result<Row, TraceError> {
        let mut row = Row::EMPTY;
        let mut cells = self.separator.cells(line);
        for (column, cell) in self.columns[..self.used].iter().zip(&mut cells) {
            if !cell.is_empty() {
                row.set(*column, cell, place)?;
            }
        }
        match cells.find(|cell| !cell.is_empty()) {
            Some(cell) => Err(TraceError::value(place, "cell", cell, format!("at most {} in a line", self.used))),
            None => Ok(row),
        }
    }
}
