//! CSV and JSON lines.

use rttp_load::trace::{Entry, Format};

use crate::{bare, parse, refusal, sized};

#[test]
fn columns_without_a_header_are_time_size_priority_fragments() {
    let full = Entry { due_ns: 0, size: 512, priority: 7, fragments: 3 };
    let second = Entry { due_ns: 1_500_000, size: 0, priority: 255, fragments: 65_535 };
    for text in [
        "0.5,512,7,3\n0.5015,0,255,65535\n",
        "0.5;512;7;3\r\n0.5015;0;255;65535",
        "0.5\t512\t7\t3\n0.5015\t0\t255\t65535\n",
        "size\ttime\tpriority\tfragments\n512\t 0.5\t7\t3 \n0\t.5015\t255\t65535\t\n",
        "  0.5  512 7\t3\n0.5015 0   255 65535  \n",
        "\u{feff}# made by hand\n\n0.5, 512 , 7,3 # first\n   \n5015e-4,0,255,65535,\n#end",
    ] {
        assert_eq!(parse(Format::Csv, text).unwrap().entries[..], [full, second], "{text:?}");
    }
}

#[test]
fn a_header_line_names_the_columns_in_any_order() {
    let trace = parse(Format::Csv, "# from the field\nSize, TIME\n5,1\n,2\n7,2.000000001\n").unwrap();
    assert_eq!(trace.entries[..], [sized(0, 5), bare(1_000_000_000), sized(1_000_000_001, 7)]);
    let trace = parse(Format::Csv, "fragments time\n4 0\n").unwrap();
    assert_eq!(trace.entries[..], [Entry { fragments: 4, ..bare(0) }]);
    let trace = parse(Format::Csv, "size\ttime\n\t0\n9\t1\n").unwrap();
    assert_eq!(trace.entries[..], [bare(0), sized(1_000_000_000, 9)]);
    assert_eq!(parse(Format::Csv, "time\n0\n1e-9").unwrap().entries[..], [bare(0), bare(1)]);
}

#[test]
fn times_count_from_the_first_entry_so_unix_time_will_do() {
    let trace = parse(Format::Csv, "1700000000.000000001\n1700000000.000000003\n").unwrap();
    assert_eq!(trace.entries[..], [bare(0), bare(2)]);
    let trace =
        parse(Format::JsonLines, "{\"time\": 1700000000.000000001}\n{\"time_ns\": 1700000000000000003}").unwrap();
    assert_eq!(trace.entries[..], [bare(0), bare(2)]);
}

#[test]
fn a_csv_is_refused_with_line_column_and_what_would_do() {
    let seconds = "expected seconds such as 0.001";
    for (text, said) in [
        ("0\n\n#\nabc", format!("line 4: time `abc`, {seconds}")),
        ("-1", format!("line 1: time `-1`, {seconds}")),
        ("nan,1", format!("line 1: time `nan`, {seconds}")),
        ("inf", format!("line 1: time `inf`, {seconds}")),
        ("when,size2", format!("line 1: time `when`, {seconds}")),
        ("0,5;1", format!("line 1: time `0,5`, {seconds}")),
        (",5", format!("line 1: time is missing, {seconds}")),
        ("time,size\n,5", format!("line 2: time is missing, {seconds}")),
        ("0\n31536000\n31536000.000000001", {
            "line 3: time `31536000.000000001`, expected at most a year after the first, 0".into()
        }),
        ("0,4294967295", "line 1: size `4294967295`, expected 0 to 4294967294 bytes".into()),
        ("0,1.5", "line 1: size `1.5`, expected 0 to 4294967294 bytes".into()),
        ("0,-1", "line 1: size `-1`, expected 0 to 4294967294 bytes".into()),
        ("0,1,256", "line 1: priority `256`, expected 0 to 255".into()),
        ("0,1,2,0", "line 1: fragments `0`, expected 1 to 65535".into()),
        ("0,1,2,65536", "line 1: fragments `65536`, expected 1 to 65535".into()),
        ("0,1,2,3,4", "line 1: cell `4`, expected at most 4 in a line".into()),
        ("time\n0 1", "line 2: cell `1`, expected at most 1 in a line".into()),
        ("time,colour", "line 1: column `colour`, expected time, size, priority or fragments".into()),
        ("time,size,Time", "line 1: column `Time`, expected each column once".into()),
        ("size,priority\n1,2", "line 1: column `size,priority`, expected a column `time` among them".into()),
        ("0.7\n0.5", "line 2: time 0.5 is before 0.7 of line 1".into()),
        ("", "no entries, expected at least one".into()),
        ("\u{feff}#\n \r\n", "no entries, expected at least one".into()),
        ("time,size\n", "no entries, expected at least one".into()),
    ] {
        assert_eq!(refusal(Format::Csv, text), said, "{text:?}");
    }
}

#[test]
fn what_is_no_text_is_refused_with_its_line() {
    for format in [Format::Csv, Format::JsonLines] {
        let said = refusal(format, b"0\n1\n\x1f\x8b\x08\x00\xff");
        assert!(said.starts_with("line 3: text `"), "{said}");
        assert!(said.ends_with("a compressed file must be decompressed first)"), "{said}");
    }
}

#[test]
fn json_lines_take_seconds_or_nanoseconds() {
    let text = concat!(
        "{\"time\": 0.25, \"size\": 512, \"priority\": 7, \"fragments\": 3}\r\n\n",
        "  {\"size\":9,\"time_ns\":250000001}\n",
        "{\"time\": 2.5e-1 , \"size\": null}",
    );
    let said = refusal(Format::JsonLines, text);
    assert_eq!(said, "line 4: time 0.25 is before 0.250000001 of line 3");
    let trace = parse(Format::JsonLines, text.replace("2.5e-1", "3e-1")).unwrap();
    let first = Entry { due_ns: 0, size: 512, priority: 7, fragments: 3 };
    assert_eq!(trace.entries[..], [first, sized(1, 9), bare(50_000_000)]);
    assert_eq!(trace.format.name(), "json-lines");
}

#[test]
fn json_is_refused_with_line_key_and_what_would_do() {
    for (text, said) in [
        ("{\"time\": \"1\"}", "line 1: time `\"1\"`, expected seconds such as 0.001"),
        ("{\"time\": -1}", "line 1: time `-1`, expected seconds such as 0.001"),
        ("{\"time_ns\": 1.0}", "line 1: time_ns `1.0`, expected nanoseconds, a whole number"),
        ("{\"time\": 1, \"time_ns\": 1}", "line 1: time_ns `1`, expected `time` or `time_ns`, not both"),
        ("{\"size\": 1}", "line 1: time is missing, expected seconds such as 0.001"),
        ("{\"time\": null}", "line 1: time is missing, expected seconds such as 0.001"),
        ("{\"time\":0}\n{\"time\":0,\"size\":1e3}", "line 2: size `1e3`, expected 0 to 4294967294 bytes"),
        ("{\"time\": 0, \"priority\": true}", "line 1: priority `true`, expected 0 to 255"),
        ("{\"time\": 0, \"fragments\": [1]}", "line 1: fragments `[1]`, expected 1 to 65535"),
        ("\n", "no entries, expected at least one"),
    ] {
        assert_eq!(refusal(Format::JsonLines, text), said, "{text:?}");
    }
    for (text, reason) in [
        ("{\"time\": 0,}", "trailing comma"),
        ("{\"time\": 0", "EOF while parsing"),
        ("{\"time\": 0} {\"time\": 1}", "trailing characters"),
        ("{\"time\": 0, \"time\": 1}", "duplicate field `time`"),
        ("{\"when\": 0}", "unknown field `when`"),
        ("[0]", "line 1: json `"),
        ("0.5,3", "line 1: json `"),
        ("{\"time\": NaN}", "expected value"),
    ] {
        let said = refusal(Format::JsonLines, text);
        assert!(said.starts_with("line 1: json `") && said.contains(reason), "{said}");
        assert!(said.contains("expected an object such as {\"time\": 0.001, \"size\": 512}"), "{said}");
    }
}

#[test]
fn a_key_of_any_length_and_kind_makes_no_wild_message() {
    for key in ["k".repeat(10_000), "\\u001b[2J".into(), " at line 7 column 9".into()] {
        let said = refusal(Format::JsonLines, format!("{{\"{key}\": 0}}"));
        assert!(said.chars().count() < 300 && !said.contains(char::is_control), "{said:?}");
        assert!(said.contains("unknown field"), "{said}");
    }
}
