//! The filter language: what it selects, by hand and against a plain evaluation row by row; what it refuses, and where.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::borrow::Cow;
use std::net::IpAddr;

use proptest::prelude::*;
use rttp_decode::filter::{Column, ColumnKind, Filter, FilterError, MAX_DEPTH, MAX_SET, MAX_TEXT, Rows, Values};

#[rustfmt::skip]
const KINDS: &[(&str, u64)] = &[
    ("PING", 4), ("PONG", 5), ("DATA", 0x10), ("REQUEST", 0x11), ("RESPONSE", 0x12),
    ("STREAM", 0x13), ("SNAPSHOT", 0x20),
];
const FLAGS: &[(&str, u64)] = &[("FEC", 0x80), ("SEALED", 0x40), ("ECHO", 0x20)];

const fn column(name: &'static str, kind: ColumnKind, names: &'static [(&'static str, u64)]) -> Column {
    Column { name, kind, names }
}

const COLUMNS: &[Column] = &[
    column("priority", ColumnKind::Number, &[]),
    column("kind", ColumnKind::Number, KINDS),
    column("flags", ColumnKind::Bits, FLAGS),
    column("gap", ColumnKind::Duration, &[]),
    column("time", ColumnKind::Time, &[]),
    column("print", ColumnKind::Bytes, &[]),
    column("file", ColumnKind::Text, &[]),
    column("source", ColumnKind::Address, &[]),
    column("late", ColumnKind::Flag, &[]),
    column("jitter", ColumnKind::Duration, &[]),
    column("sent", ColumnKind::Time, &[]),
];

/// A value of a row, for the plain evaluation.
#[derive(Clone, PartialEq, Debug)]
enum Cell {
    Number(i128),
    Bytes(Vec<u8>),
    Text(String),
    Address(IpAddr),
    Absent,
}

struct Table(Vec<Vec<Cell>>);

impl Table {
    fn cells(&self, column: usize) -> impl Iterator<Item = &Cell> {
        self.0.iter().map(move |row| &row[column])
    }

    fn numbers<T: TryFrom<i128> + Default + Clone>(&self, column: usize) -> (Cow<'_, [T]>, Option<Cow<'_, [bool]>>) {
        // What stands where there is no value must not matter.
        let number = |c: &Cell| if let Cell::Number(n) = c { T::try_from(*n).ok().unwrap() } else { T::default() };
        let values = self.cells(column).map(number);
        let valid: Vec<bool> = self.cells(column).map(|c| *c != Cell::Absent).collect();
        (values.collect(), valid.contains(&false).then_some(Cow::Owned(valid)))
    }
}

impl Rows for Table {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn values(&self, column: usize) -> Values<'_> {
        let signed = |(values, valid)| Values::Signed { values, valid };
        let unsigned = |(values, valid)| Values::Numbers { values, valid };
        match COLUMNS[column].kind {
            ColumnKind::Bytes => Values::Bytes(
                self.cells(column).map(|c| if let Cell::Bytes(b) = c { Some(&b[..]) } else { None }).collect(),
            ),
            ColumnKind::Text => Values::Text(
                self.cells(column).map(|c| if let Cell::Text(t) = c { Some(&t[..]) } else { None }).collect(),
            ),
            ColumnKind::Address => Values::Addresses(
                self.cells(column).map(|c| if let Cell::Address(a) = c { *a } else { unreachable!() }).collect(),
            ),
            ColumnKind::Duration => signed(self.numbers(column)),
            _ => unsigned(self.numbers(column)),
        }
    }
}

/// 2026-11-21T10:00:00Z.
const TEN: i128 = 1_795_255_200_000_000_000;

#[rustfmt::skip]
fn table() -> Table {
    let n = Cell::Number;
    let row = |numbers: [Cell; 5], print: &[u8], file: &str, source: &str, late: Cell, others: [Cell; 2]| {
        let mut row = numbers.to_vec();
        row.extend([Cell::Bytes(print.to_vec()), Cell::Text(file.into()), Cell::Address(source.parse().unwrap())]);
        row.push(late);
        row.extend(others);
        row
    };
    let mut rows = vec![
        row([n(0), n(4), n(0), n(0), n(TEN)], &[0xab, 0x12], "a.pcap", "10.0.0.1", n(0), [n(0), n(TEN)]),
        row([n(192), n(0x10), n(0x80), n(300_000), n(TEN + 1)],
            &[0xab, 0x12, 0xff], "b c", "10.255.0.1", n(1), [n(300_000), n(TEN)]),
        row([n(255), n(0x11), n(0xa0), n(-5_000), n(TEN + 500_000_000)],
            b"hello", "", "11.0.0.0", n(0), [n(1), n(TEN + 900_000_000)]),
        row([n(u64::MAX as i128), n(0x99), n(0xe0), n(i64::MAX as i128), n(0)],
            &[], "and", "::1", n(1), [n(i64::MIN as i128), n(0)]),
        row([Cell::Absent, n(0x20), Cell::Absent, Cell::Absent, Cell::Absent],
            &[], "", "fe80::7", Cell::Absent, [n(0), Cell::Absent]),
    ];
    rows[4][5] = Cell::Absent;
    rows[4][6] = Cell::Absent;
    Table(rows)
}

fn select(text: &str) -> Vec<usize> {
    let filter = Filter::parse(text, COLUMNS).unwrap_or_else(|e| panic!("{e}\n{}", e.pointer(text)));
    let mut mask = vec![true; 99];
    filter.select(&table(), &mut mask);
    assert_eq!(mask.len(), 5);
    mask.iter().enumerate().filter(|(_, m)| **m).map(|(i, _)| i).collect()
}

#[test]
fn expressions_select_the_rows_that_a_reader_expects() {
    #[rustfmt::skip]
    let cases: &[(&str, &[usize])] = &[
        ("priority >= 192", &[1, 2, 3]), ("priority > 0xC0", &[2, 3]), ("priority < 192", &[0]),
        ("priority <= 0b1100_0000", &[0, 1]), ("priority = 192", &[1]), ("priority != 192", &[0, 2, 3]),
        ("not priority == 192", &[0, 2, 3, 4]), ("priority < 0", &[]), ("priority > 18_446_744_073_709_551_615", &[]),
        ("priority >= 18446744073709551615", &[3]), ("priority > 2k", &[3]), ("priority < 0.25k", &[0, 1]),
        ("priority < 1M", &[0, 1, 2]), ("priority", &[1, 2, 3]), ("!priority", &[0, 4]),
        ("present(priority)", &[0, 1, 2, 3]), ("not PRESENT ( priority )", &[4]), ("priority & 1", &[2, 3]),
        ("priority & 0xC0 == 0xc0", &[1, 2, 3]), ("priority in 1..255", &[1, 2]),
        ("priority in {0, 193..255, 200..300}", &[0, 2]), ("priority in 192", &[1]),
        ("priority in {0,1,2,3,4,5,6,7,8,9,10,11,12,192}", &[0, 1]), ("priority in {1,3,5,192,255}", &[1, 2]),
        ("kind == DATA", &[1]), ("kind == data and priority", &[1]), ("kind in {PING, request..STREAM}", &[0, 2]),
        ("kind = 0x99", &[3]), ("kind == 'DATA'", &[1]), ("kind != DATA && kind != PING", &[2, 3, 4]),
        ("kind == priority", &[]), ("kind < priority", &[1, 2, 3]), ("flags has FEC", &[1, 2, 3]),
        ("flags has FEC|ECHO", &[2, 3]), ("flags has fec | 0x60", &[3]), ("flags has 0", &[0, 1, 2, 3]),
        ("flags & 0x60", &[2, 3]), ("flags & FEC|ECHO == FEC", &[1]), ("flags == FEC|ECHO", &[2]),
        ("flags", &[1, 2, 3]), ("not flags", &[0, 4]), ("flags & SEALED || kind == PING", &[0, 3]),
        ("flags in {FEC, FEC|ECHO}", &[1, 2]), ("flags & 0x40 != 0", &[3]), ("gap >= 300us", &[1, 3]),
        ("gap == 0.3ms", &[1]), ("gap < 0", &[2]), ("gap == -5us", &[2]), ("gap > 10ns", &[1, 3]),
        ("gap in -1s..1s", &[0, 1, 2]), ("gap < 3min and gap > -1h", &[0, 1, 2]), ("gap = 300µs", &[1]),
        ("gap", &[0, 1, 2, 3]), ("gap == jitter", &[0, 1]), ("gap > jitter", &[3]), ("gap != jitter", &[2, 3]),
        ("jitter >= gap", &[0, 1, 2]), ("jitter <= gap", &[0, 1, 3]), ("jitter < -9223372036854775807ns", &[3]),
        ("time >= 2026-11-21T10:00:00Z", &[0, 1, 2]), ("time > 2026-11-21T10:00:00.000000000z", &[1, 2]),
        ("time == 2026-11-21T11:30:00.5+01:30", &[2]), ("time == 2026-11-20t23:00:00.000000001-11:00", &[1]),
        ("time == '2026-11-21 10:00:00Z'", &[0]), ("time == 1795255200.5", &[2]), ("time == 1795255200000000001", &[1]),
        ("time == 1970-01-01T00:00:00Z", &[3]), ("time == 0", &[3]), ("time == sent", &[0, 3]), ("time < sent", &[2]),
        ("time in 2026-11-21T10:00:00Z..2026-11-21T10:00:00.1Z", &[0, 1]), ("time == 2026-11-21T09:59:60Z", &[0]),
        ("time > 2000-02-29T00:00:00Z", &[0, 1, 2]), ("print == ab12", &[0]), ("print == AB12..", &[0, 1]),
        ("print != ab12..", &[2, 3]), ("print == ab", &[]), ("print in {ab12ff, 68..}", &[1, 2]),
        ("print in ab..ab12", &[0]), ("print contains 12ff", &[1]), ("print contains 'ell'", &[2]),
        ("print contains ''", &[0, 1, 2, 3]), ("print == 'hello'", &[2]), ("print", &[0, 1, 2, 3]),
        ("print > ab12", &[1]), ("print < ab12", &[2, 3]), ("print >= 0xab12", &[0, 1]), ("print <= ab12", &[0, 2, 3]),
        ("print == 68656c6c6f", &[2]), ("print == ab12.. and late", &[1]), ("file == a.pcap", &[0]),
        ("file == 'b c'", &[1]), ("file == \"and\"", &[3]), ("file contains c", &[0, 1]), ("file", &[0, 1, 2, 3]),
        ("file == ''", &[2]), ("file in {a.pcap, \"b c\"}", &[0, 1]), ("file < b", &[0, 2, 3]), ("file in an..b", &[3]),
        ("file contains \"\\\"\"", &[]), ("source == 10.0.0.1", &[0]), ("source == 10.0.0.0/8", &[0, 1]),
        ("source != 10.9.9.9/8", &[2, 3, 4]), ("source in {::1, 11.0.0.0}", &[2, 3]), ("source == fe80::/10", &[4]),
        ("source == ::/0", &[3, 4]), ("source == 0.0.0.0/0", &[0, 1, 2]), ("source > 10.0.0.1", &[1, 2]),
        ("source < ::1", &[]), ("source <= ::1", &[3]), ("source >= ::1", &[3, 4]),
        ("source in 10.0.0.2..11.0.0.0", &[1, 2]), ("source in fe80::/10", &[4]), ("source < 0.0.0.0", &[]),
        ("source > 255.255.255.255", &[]), ("source", &[0, 1, 2, 3, 4]), ("late", &[1, 3]), ("late == no", &[0, 2]),
        ("late != TRUE", &[0, 2]), ("not late", &[0, 2, 4]), ("late == 1", &[1, 3]),
        ("kind == PING or priority == 192 and late", &[0, 1]), ("(kind == PING or priority == 192) and late", &[1]),
        ("not late and not kind == PING", &[2, 4]), ("NOT (late OR kind == PING)", &[2, 4]), ("!!late", &[1, 3]),
        ("! late || ! flags", &[0, 2, 4]), ("priority>=192&&kind==DATA", &[1]), ("\tlate\n and priority == 192 ", &[1]),
    ];
    for (text, rows) in cases {
        assert_eq!(select(text), *rows, "{text}");
    }
}

#[test]
fn an_absent_value_makes_every_comparison_false_and_not_turns_it() {
    #[rustfmt::skip]
    let tests = [
        "priority != 1", "priority == 0", "priority < 9", "gap != 0", "flags != 1", "flags & 1 == 0", "flags has 0",
        "print != ab", "file != x", "file < zzz", "time != 0", "late != yes", "time >= sent", "gap <= jitter",
        "jitter != gap", "sent != time", "priority", "present(file)",
    ];
    for test in tests {
        assert!(!select(test).contains(&4), "{test}");
        assert!(select(&format!("not {test}")).contains(&4), "not {test}");
    }
}

#[test]
fn columns_are_those_it_reads_ascending_and_once() {
    let columns = |text| Filter::parse(text, COLUMNS).unwrap().columns().to_vec();
    assert_eq!(columns("late and priority > 3 and not late"), [0, 8]);
    assert_eq!(columns("jitter > gap or present(file)"), [3, 6, 9]);
}

/// Rows whose columns are of the wrong type, or shorter than the batch.
struct Odd(u8);

impl Rows for Odd {
    fn len(&self) -> usize {
        3
    }

    fn values(&self, column: usize) -> Values<'_> {
        match (self.0, column % 2) {
            (0, _) => Values::Addresses(vec![[1, 2, 3, 4].into()]),
            (1, 0) => Values::Signed { values: Cow::Owned(vec![-1, 1]), valid: Some(Cow::Owned(vec![true])) },
            (1, _) => Values::Numbers { values: Cow::Owned(vec![1; 9]), valid: Some(Cow::Owned(vec![true; 2])) },
            (2, 0) => Values::Text(vec![Some("hello")]),
            (2, _) => Values::Bytes(vec![Some(b"hello"), None, None, None]),
            (_, 0) => Values::Numbers { values: Cow::Owned(vec![]), valid: None },
            (..) => Values::Signed { values: Cow::Owned(vec![i64::MIN; 4]), valid: None },
        }
    }
}

#[test]
fn rows_that_break_their_word_have_absent_values() {
    #[rustfmt::skip]
    let tests = [
        "priority != 7", "gap == jitter", "time >= sent", "priority < kind", "print == 'hello'", "file contains h",
        "source in ::/0", "late", "present(sent)", "priority & 4 == 0", "priority in {1,2,5,6,9..11,13,15,17,19,21,23}",
    ];
    for shape in 0..4 {
        for text in tests {
            let (mut mask, mut turned) = (Vec::new(), Vec::new());
            Filter::parse(text, COLUMNS).unwrap().select(&Odd(shape), &mut mask);
            Filter::parse(&format!("not ({text})"), COLUMNS).unwrap().select(&Odd(shape), &mut turned);
            assert!(mask.len() == 3 && mask.iter().zip(&turned).all(|(a, b)| a != b), "{text}");
        }
    }
    let (mut mask, rows): (_, &dyn Rows) = (Vec::new(), &Odd(1));
    Filter::parse("priority != 7", COLUMNS).unwrap().select(rows, &mut mask);
    assert_eq!(mask, [true, false, false], "two values, one of them valid");
}

fn refused(text: &str) -> FilterError {
    match Filter::parse(text, COLUMNS) {
        Ok(_) => panic!("{text} is accepted"),
        Err(error) => error,
    }
}

#[test]
fn every_complaint_points_at_what_it_means() {
    const NUMBER: &str = "`priority` takes a number from 0, such as 192, 0x80 or 64k";
    const DURATION: &str = "`gap` takes a duration such as 300us, 1.5ms or 2s";
    const TIME: &str = "`time` takes a time such as 2026-11-21T10:00:00Z, or Unix seconds such as 1795275270.89";
    const ADDRESS: &str = "`source` takes an address such as 10.0.0.1, or a prefix such as 10.0.0.0/8 or fe80::/10";
    const NO_ORDER: &str = "it works with `==`, `!=` and `in`";
    // Text, place, length, message, hint; an empty hint is none.
    #[rustfmt::skip]
    let cases: &[(&str, usize, usize, &str, &str)] = &[
        ("priority and kin", 13, 3, "`kin` is no field", "did you mean `kind`?"),
        ("zebra", 0, 5, "`zebra` is no field", ""),
        ("", 0, 1, "the filter is empty", "such as `priority >= 192`"),
        ("  \n", 0, 1, "the filter is empty", "such as `priority >= 192`"),
        ("192 <= priority", 0, 3, "expected a field, found `192`",
            "the field stands on the left, its value on the right"),
        ("late and", 8, 1, "expected a field, found the end", ""),
        ("late or and", 8, 3, "expected a field, found `and`", ""),
        ("priority ==", 11, 1, "expected a value, found the end", ""),
        ("file == or", 8, 2, "expected a value, found `or`", "a keyword that is meant as a text stands in quotes"),
        ("priority == (3)", 12, 1, "expected a value, found `(`", ""),
        ("flags has FEC|", 14, 1, "expected a value, found the end", ""),
        ("kind == DATE", 8, 4, "`DATE` is no value of `kind`", "did you mean `DATA`?"),
        ("kind == zebra", 8, 5, "`zebra` is no value of `kind`",
            "it has PING, PONG, DATA, REQUEST, RESPONSE, STREAM and 1 more"),
        ("flags has FEC|xyzzy", 14, 5, "`xyzzy` is no value of `flags`", "it has FEC, SEALED, ECHO"),
        ("priority > x", 11, 1, "`x` is not a number", NUMBER),
        ("priority > -1", 11, 2, "`-1` is not a number", NUMBER),
        ("priority > 1__0", 11, 4, "`1__0` is not a number", NUMBER),
        ("priority > 1.5", 11, 3, "`1.5` is no whole number", NUMBER),
        ("priority < 18446744073709551616", 11, 20, "`18446744073709551616` is out of range", NUMBER),
        ("gap > 300", 6, 3, "`300` is not a duration", DURATION),
        ("gap > 0.5ns", 6, 5, "`0.5ns` is finer than 1 ns", DURATION),
        ("gap > 9999999h", 6, 8, "`9999999h` is out of range", DURATION),
        ("time > noon", 7, 4, "`noon` is not a time", TIME),
        ("time > 2026-02-29T00:00:00Z", 7, 20, "`2026-02-29T00:00:00Z` is out of range", TIME),
        ("print == abc", 9, 3, "`abc` is not bytes",
            "`print` takes hex digits, two a byte, such as ab12, `ab12..` for what begins so, or a text in quotes"),
        ("source == 10.0.0.0/33", 10, 11, "`10.0.0.0/33` is out of range", ADDRESS),
        ("source == local", 10, 5, "`local` is not an address", ADDRESS),
        ("late == 2", 8, 1, "`2` is not yes or no", "`late` takes yes or no"),
        ("(late or gap", 12, 1, "expected `and`, `or` or `)`, found the end", "`)` closes the bracket at character 0"),
        ("present(late", 12, 1, "expected `)`, found the end", "`)` closes the bracket at character 7"),
        ("kind in {4 5}", 11, 1, "expected `,` or `}`, found `5`", "`}` closes the bracket at character 8"),
        ("kind in {}", 9, 1, "expected a value, found `}`", ""),
        ("late gap", 5, 3, "expected `and`, `or` or the end, found `gap`", ""),
        ("late)", 4, 1, "expected `and`, `or` or the end, found `)`", ""),
        ("late 'x'", 5, 3, "expected `and`, `or` or the end, found a text in quotes", ""),
        ("kind % 3", 5, 1, "`%` has no meaning here", ""),
        ("file == 'x", 8, 2, "the text in quotes has no end", ""),
        ("kind not in {4}", 5, 3, "expected an operator after `kind`, found `not`", "`not` stands before the field"),
        ("late < 1", 5, 1, "an order does not work with `late`, which is yes or no",
            "`==` and `!=` work, and the field alone"),
        ("kind contains 4", 5, 8, "`contains` does not work with `kind`, which is a number",
            "it works with texts and bytes"),
        ("kind has 4", 5, 3, "`has` does not work with `kind`, which is a number", "it works with bits"),
        ("late & gap", 5, 1, "`&` does not work with `late`, which is yes or no",
            "it works with bits and numbers; `and` joins conditions"),
        ("kind == 4..5", 9, 2, "a range cannot be compared", "`in` takes ranges"),
        ("kind in 5..4", 8, 4, "the range ends before it begins", "the smaller one stands first"),
        ("print in b0..a0", 9, 6, "the range ends before it begins", "the smaller one stands first"),
        ("source in 1.2.3.4..::1", 19, 3, "a range has two addresses of one family", ""),
        ("source < 10.0.0.0/8", 9, 10, "a prefix has no order", NO_ORDER),
        ("print < ab..", 8, 4, "a prefix has no order", NO_ORDER),
        ("print contains ab..", 15, 4, "`contains` needs no `..`", ""),
        ("kind == gap", 8, 3, "`kind` (a number) cannot be compared with the field `gap` (a duration)",
            "a number compares with a number, a time with a time, a duration with a duration"),
        ("file == kind", 8, 4, "`file` (a text) cannot be compared with the field `kind` (a number)",
            "in quotes it is a text"),
        ("späť > 3", 0, 4, "`späť` is no field", ""),
    ];
    for (text, at, length, message, hint) in cases {
        let error = refused(text);
        assert_eq!((error.at, error.length, error.message.as_str()), (*at, *length, *message), "{text}");
        assert_eq!(error.hint.as_deref().unwrap_or(""), *hint, "{text}");
        let (shown, spaces, carets) = (text.replace('\n', " "), " ".repeat(*at), "^".repeat(*length));
        assert_eq!(error.pointer(text), format!("{shown}\n{spaces}{carets}"), "{text}");
    }
    let error = refused("priority and kin");
    assert_eq!(error.to_string(), "character 13: `kin` is no field (did you mean `kind`?)");
    assert_eq!(refused("zebra").to_string(), "character 0: `zebra` is no field");
}

#[test]
fn what_is_too_deep_too_long_or_too_many_is_refused_where_it_begins() {
    let nested = |n: usize| format!("{}late{}", "(".repeat(n), ")".repeat(n));
    assert!(Filter::parse(&nested(MAX_DEPTH), COLUMNS).is_ok());
    let error = refused(&nested(MAX_DEPTH + 1));
    assert_eq!((error.at, error.message.as_str()), (MAX_DEPTH, "nested deeper than 64"));
    assert_eq!(refused(&format!("{}late", "!".repeat(MAX_DEPTH + 1))).at, MAX_DEPTH);

    let padded = |n: usize| format!("late{}", " ".repeat(n - 4));
    assert!(Filter::parse(&padded(MAX_TEXT), COLUMNS).is_ok());
    let error = refused(&padded(MAX_TEXT + 9));
    assert_eq!((error.at, error.message.as_str()), (MAX_TEXT, "the filter is longer than 4096 characters"));
    assert_eq!(error.pointer(&padded(MAX_TEXT + 9)).lines().next().unwrap().chars().count(), MAX_TEXT + 2);

    let set = |n: usize| format!("kind in {{{}}}", vec!["7"; n].join(","));
    assert!(Filter::parse(&set(MAX_SET), COLUMNS).is_ok());
    let error = refused(&set(MAX_SET + 1));
    assert_eq!((error.at, error.message.as_str()), (9 + 2 * MAX_SET, "a set of more than 256 values"));
}

/// A condition, from which both its text and its answer follow.
#[derive(Clone, Debug)]
enum Expr {
    Compare(usize, usize, i128),
    Fields(usize, usize, usize),
    In(usize, Vec<(i128, i128)>),
    Has(u64),
    Mask(u64),
    Bare(usize),
    Present(usize),
    File(usize, String),
    Part(String),
    Prefix(Vec<u8>),
    Network(bool, [u8; 4], u32),
    Not(Box<Expr>),
    And(Vec<Expr>),
    Or(Vec<Expr>),
}

const OPERATORS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

fn holds<T: Ord>(operator: usize, a: &T, b: &T) -> bool {
    [a == b, a != b, a < b, a <= b, a > b, a >= b][operator]
}

fn literal(column: usize, n: i128) -> String {
    match (COLUMNS[column].kind, n) {
        (ColumnKind::Duration, n) => format!("{n}ns"),
        (ColumnKind::Time, n) if n % 3 == 0 => format!("{}.{:09}", n / 1_000_000_000, n % 1_000_000_000),
        (ColumnKind::Time, n) if n < 1_000_000_000_000_000 => format!("0.{n:09}"),
        (_, n) if n % 3 == 0 => format!("{n:#x}"),
        (_, n) => n.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

impl Expr {
    fn text(&self) -> String {
        let joined =
            |all: &[Expr], with: &str| format!("({})", all.iter().map(Expr::text).collect::<Vec<_>>().join(with));
        match self {
            Expr::Compare(c, o, n) => format!("{} {} {}", COLUMNS[*c].name, OPERATORS[*o], literal(*c, *n)),
            Expr::Fields(a, o, b) => format!("{}{}{}", COLUMNS[*a].name, OPERATORS[*o], COLUMNS[*b].name),
            Expr::In(c, ranges) => {
                let one = |(low, high): &(i128, i128)| match low == high {
                    true => literal(*c, *low),
                    false => format!("{}..{}", literal(*c, *low), literal(*c, *high)),
                };
                format!("{} in {{{}}}", COLUMNS[*c].name, ranges.iter().map(one).collect::<Vec<_>>().join(", "))
            }
            Expr::Has(bits) => format!("flags has {bits:#b}"),
            Expr::Mask(bits) => format!("flags & {bits}"),
            Expr::Bare(c) => COLUMNS[*c].name.to_owned(),
            Expr::Present(c) => format!("present({})", COLUMNS[*c].name),
            Expr::File(o, text) => format!("file {} {}", OPERATORS[*o], quoted(text)),
            Expr::Part(text) => format!("file contains {}", quoted(text)),
            Expr::Prefix(bytes) => {
                format!("print == {}..", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>())
            }
            Expr::Network(equal, [a, b, c, d], length) => {
                format!("source {} {a}.{b}.{c}.{d}/{length}", if *equal { "==" } else { "!=" })
            }
            Expr::Not(inner) => format!("not {}", inner.text()),
            Expr::And(all) => joined(all, " and "),
            Expr::Or(all) => joined(all, " || "),
        }
    }

    fn answer(&self, row: &[Cell]) -> bool {
        let number = |c: usize| if let Cell::Number(n) = row[c] { Some(n) } else { None };
        let text = || if let Cell::Text(t) = &row[6] { Some(t) } else { None };
        match self {
            Expr::Compare(c, o, n) => number(*c).is_some_and(|v| holds(*o, &v, n)),
            Expr::Fields(a, o, b) => number(*a).zip(number(*b)).is_some_and(|(a, b)| holds(*o, &a, &b)),
            Expr::In(c, all) => number(*c).is_some_and(|v| all.iter().any(|(low, high)| (low..=high).contains(&&v))),
            Expr::Has(bits) => number(2).is_some_and(|v| v & i128::from(*bits) == i128::from(*bits)),
            Expr::Mask(bits) => number(2).is_some_and(|v| v & i128::from(*bits) != 0),
            Expr::Bare(c) if matches!(*c, 0 | 1 | 2 | 8) => number(*c).is_some_and(|v| v != 0),
            Expr::Bare(c) | Expr::Present(c) => row[*c] != Cell::Absent,
            Expr::File(o, wanted) => text().is_some_and(|t| holds(*o, t, wanted)),
            Expr::Part(wanted) => text().is_some_and(|t| t.contains(wanted.as_str())),
            Expr::Prefix(bytes) => matches!(&row[5], Cell::Bytes(b) if b.starts_with(bytes)),
            Expr::Network(equal, net, length) => {
                let shift = |ip: u32| u64::from(ip) >> (32 - length);
                let Cell::Address(address) = row[7] else { return false };
                let inside =
                    matches!(address, IpAddr::V4(v4) if shift(v4.to_bits()) == shift(u32::from_be_bytes(*net)));
                inside == *equal
            }
            Expr::Not(inner) => !inner.answer(row),
            Expr::And(all) => all.iter().all(|e| e.answer(row)),
            Expr::Or(all) => all.iter().any(|e| e.answer(row)),
        }
    }
}

/// Values of a column of numbers: few, so that they meet, and the ends of what fits.
fn values(column: usize) -> BoxedStrategy<i128> {
    let (least, most) = match COLUMNS[column].kind {
        ColumnKind::Duration => (i64::MIN as i128, i64::MAX as i128),
        _ => (0, u64::MAX as i128),
    };
    let near = if least < 0 { -4i128..9 } else { 0i128..9 };
    match COLUMNS[column].kind {
        ColumnKind::Time => prop_oneof![0i128..9, (0i128..9).prop_map(|n| TEN + n)].boxed(),
        _ => prop_oneof![6 => near, 1 => Just(least), 1 => Just(most), 1 => (-8i128..0).prop_map(move |n| most + n)]
            .boxed(),
    }
}

fn numeric() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![0usize, 1, 2, 3, 4, 9, 10])
}

fn word() -> impl Strategy<Value = String> {
    "[ab\"'\\\\é ]{0,3}"
}

fn expr() -> impl Strategy<Value = Expr> {
    let range = |c: usize| (values(c), values(c)).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let ranges = move |c: usize| prop::collection::vec(range(c), 1..14);
    let alike = vec![(0usize, 1usize), (1, 0), (3, 9), (9, 3), (4, 10)];
    let net = (any::<bool>(), [9u8..11, 0..2, 0..2, 0..2], 0u32..33);
    let leaf = prop_oneof![
        4 => (numeric(), 0usize..6).prop_flat_map(|(c, o)| values(c).prop_map(move |n| Expr::Compare(c, o, n))),
        2 => (prop::sample::select(alike), 0usize..6).prop_map(|((a, b), o)| Expr::Fields(a, o, b)),
        3 => numeric().prop_flat_map(move |c| ranges(c).prop_map(move |all| Expr::In(c, all))),
        1 => (0u64..16).prop_map(Expr::Has),
        1 => (0u64..16).prop_map(Expr::Mask),
        1 => (0usize..11).prop_map(Expr::Bare),
        1 => (0usize..11).prop_map(Expr::Present),
        1 => (0usize..6, word()).prop_map(|(o, text)| Expr::File(o, text)),
        1 => word().prop_map(Expr::Part),
        1 => prop::collection::vec(0u8..3, 1..3).prop_map(Expr::Prefix),
        1 => net.prop_map(|(equal, net, length)| Expr::Network(equal, net, length)),
    ];
    leaf.prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|e| Expr::Not(Box::new(e))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::And),
            prop::collection::vec(inner, 1..4).prop_map(Expr::Or),
        ]
    })
}

#[rustfmt::skip]
fn row() -> impl Strategy<Value = Vec<Cell>> {
    let number = |c: usize| prop_oneof![5 => values(c).prop_map(Cell::Number), 1 => Just(Cell::Absent)].boxed();
    let source = prop_oneof![
        4 => [9u8..11, 0..2, 0..2, 0..2].prop_map(|a| Cell::Address(a.into())),
        1 => any::<u128>().prop_map(|a| Cell::Address(std::net::Ipv6Addr::from_bits(a).into())),
    ];
    vec![
        number(0), number(1), number(2), number(3), number(4),
        prop_oneof![4 => prop::collection::vec(0u8..3, 0..4).prop_map(Cell::Bytes), 1 => Just(Cell::Absent)].boxed(),
        prop_oneof![4 => word().prop_map(Cell::Text), 1 => Just(Cell::Absent)].boxed(),
        source.boxed(),
        prop_oneof![4 => (0i128..2).prop_map(Cell::Number), 1 => Just(Cell::Absent)].boxed(),
        number(9), number(10),
    ]
}

/// Whatever the text: a filter that runs, or a complaint that points into the text.
fn check(text: &str) {
    match Filter::parse(text, COLUMNS) {
        Ok(filter) => {
            assert!(filter.columns().is_sorted_by(|a, b| a < b) && filter.columns().iter().all(|c| *c < COLUMNS.len()));
            let mut mask = Vec::new();
            filter.select(&table(), &mut mask);
            assert_eq!(mask.len(), 5);
        }
        Err(error) => {
            assert!(error.at <= text.chars().count() && error.length >= 1, "{error:?}");
            assert!(error.at + error.length <= text.chars().count().max(error.at + 1), "{error:?}");
            assert!(!error.to_string().chars().any(char::is_control) && error.to_string().len() < 600, "{error:?}");
            assert_eq!(error.pointer(text).lines().count(), 2, "{error:?}");
        }
    }
}

#[test]
fn the_kept_corpus_of_the_fuzz_target_passes() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/filter");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        check(&String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()));
        seen += 1;
    }
    assert!(seen > 20, "{seen} files");
}

const WORDS: &str = "priority kind flags gap time print file source late == != < >= in { } , .. contains has & | and \
    or not ! ( ) present ab12 192 DATA FEC 300us -1s 1.0.0.0/8 ::1 2026-11-21T10:00:00Z 'x' ' \\ é \u{202e} yes 0x 1.";

proptest! {
    #[test]
    fn a_filter_selects_what_its_tree_says_row_by_row(
        expr in expr().prop_filter("short enough", |e| e.text().chars().count() <= MAX_TEXT),
        rows in prop::collection::vec(row(), 0..20),
    ) {
        let text = expr.text();
        let filter = Filter::parse(&text, COLUMNS).map_err(|e| TestCaseError::fail(e.pointer(&text)))?;
        let mut mask = Vec::new();
        let table = Table(rows);
        filter.select(&table, &mut mask);
        let wanted: Vec<bool> = table.0.iter().map(|row| expr.answer(row)).collect();
        prop_assert_eq!(mask, wanted, "{}", text);
    }

    #[test]
    fn any_text_is_a_filter_or_a_complaint_that_points_into_it(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_words_of_the_language_are_a_filter_or_a_complaint(
        words in prop::collection::vec(prop::sample::select(WORDS.split(' ').collect::<Vec<_>>()), 0..24),
        gap in prop::sample::select(vec!["", " "]),
    ) {
        check(&words.join(gap));
    }

    #[test]
    fn every_time_of_a_calendar_is_its_unix_time(ns in 0u64..=u64::MAX / 2, hours in 0i64..24, east: bool) {
        // A calendar by counting days, not by a formula.
        let (mut days, mut year) = (ns / 86_400_000_000_000, 1970u64);
        let long = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
        while days >= 365 + u64::from(long(year)) {
            days -= 365 + u64::from(long(year));
            year += 1;
        }
        let mut month = 1;
        for length in [31, 28 + u64::from(long(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if days < length { break; }
            days -= length;
            month += 1;
        }
        let s = ns / 1_000_000_000 % 86_400;
        let clock = format!("{:02}:{:02}:{:02}.{:09}", s / 3600, s / 60 % 60, s % 60, ns % 1_000_000_000);
        let (day, sign) = (days + 1, if east { '+' } else { '-' });
        let text = format!("time == {year:04}-{month:02}-{day:02}T{clock}{sign}{hours:02}:00");
        let meant = i128::from(ns) + i128::from(if east { -hours } else { hours }) * 3_600_000_000_000;
        prop_assume!(meant >= 0);
        let mut row = table().0[0].clone();
        row[4] = Cell::Number(meant);
        let mut mask = Vec::new();
        Filter::parse(&text, COLUMNS).unwrap().select(&Table(vec![row]), &mut mask);
        prop_assert_eq!(mask, [true], "{}", text);
    }
}
