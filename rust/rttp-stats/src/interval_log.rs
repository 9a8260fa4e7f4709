//! Interval logs (.hlog) of the HdrHistogram tools: comments, a legend, then a line an interval.
//!
//! Read here, not by the library's iterator: that one names no line, stops at a legend and takes any number for a time.

use crate::encoding::Budget;
use crate::error::LogError;
use crate::histogram::Histogram;

/// One line of a log.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Without `Tag=`; `None` where the line has none.
    pub tag: Option<String>,
    /// From the log's start, seconds.
    pub start_s: f64,
    /// Length, seconds.
    pub length_s: f64,
    /// What was recorded in it.
    pub histogram: Histogram,
}

/// Largest time, seconds: three centuries, so that every time fits into 64 bits of ns.
const LONGEST_S: f64 = 9e9;
/// Times that lie more than this before the start of the log count from there (a rule of the Java library).
const YEAR_S: f64 = 365.0 * 86_400.0;

/// All intervals, in the order of the file. Starts count from `StartTime`, or from the first line where the log has none.
///
/// # Errors
/// The first line that is neither a comment, a legend, blank nor an interval.
pub fn read(data: &[u8]) -> Result<Vec<Entry>, LogError> {
    let (mut entries, mut times, budget) = (Vec::new(), Times::default(), Budget::new());
    for (i, line) in data.split(|&byte| byte == b'\n').enumerate() {
        read_line(line.trim_ascii(), &mut times, &budget)
            .map(|entry| entries.extend(entry))
            .map_err(|problem| LogError { line: i + 1, problem })?;
    }
    Ok(entries)
}

fn read_line(line: &[u8], times: &mut Times, budget: &Budget) -> Result<Option<Entry>, String> {
    match line.first() {
        // A legend is a line of quoted names.
        None | Some(b'"') => return Ok(None),
        Some(b'#') => return times.note(line).map(|()| None),
        Some(_) => {}
    }
    let text = std::str::from_utf8(line).map_err(|e| format!("byte {} is not UTF-8", e.valid_up_to()))?;
    let (tag, rest) = match text.strip_prefix("Tag=") {
        Some(tagged) => tagged.split_once(',').ok_or("a tag alone, expected an interval behind it")?,
        None => ("", text),
    };
    let columns: Vec<_> = rest.splitn(5, ',').collect();
    let &[start, length, max, encoded] = columns.as_slice() else {
        let found = if columns.len() > 4 { "more than 4".to_string() } else { columns.len().to_string() };
        return Err(format!("{found} columns, expected start, length, maximum and histogram"));
    };
    let start_s = times.after_start(seconds("start", start)?);
    let length_s = seconds("length", length)?;
    if length_s < 0.0 {
        return Err(format!("length `{}`, expected no negative one", shown(length)));
    }
    if max.trim().parse::<f64>().is_err() {
        return Err(format!("maximum `{}`, expected a number", shown(max)));
    }
    let histogram = budget.decode(encoded.as_bytes()).map_err(|error| format!("histogram: {error}"))?;
    let tag = (!tag.is_empty()).then(|| tag.to_string());
    Ok(Some(Entry { tag, start_s, length_s, histogram }))
}

/// What the comments say of the lines' times.
#[derive(Default)]
struct Times {
    start: Option<f64>,
    base: Option<f64>,
}

impl Times {
    /// Takes `#[StartTime: …` and `#[BaseTime: …`, in seconds since the epoch, out of a comment.
    fn note(&mut self, line: &[u8]) -> Result<(), String> {
        let after = |name: &str| {
            let rest = line.strip_prefix(name.as_bytes())?.trim_ascii_start();
            let end = rest.iter().position(|&byte| byte == b' ' || byte == b']').unwrap_or(rest.len());
            Some(String::from_utf8_lossy(&rest[..end]).into_owned())
        };
        if let Some(text) = after("#[StartTime:") {
            self.start = Some(seconds("StartTime", &text)?);
        } else if let Some(text) = after("#[BaseTime:") {
            self.base = Some(seconds("BaseTime", &text)?);
        }
        Ok(())
    }

    /// A line's time from the log's start, by the rules of the Java library's reader.
    fn after_start(&mut self, time: f64) -> f64 {
        let start = *self.start.get_or_insert(time);
        let base = *self.base.get_or_insert(if time < start - YEAR_S { start } else { 0.0 });
        time + base - start
    }
}

fn seconds(name: &str, text: &str) -> Result<f64, String> {
    let found = text.trim().parse::<f64>().ok().filter(|time| time.abs() <= LONGEST_S);
    found.ok_or_else(|| format!("{name} `{}`, expected seconds, at most {LONGEST_S:e}", shown(text)))
}

/// What a message repeats of a file.
fn shown(text: &str) -> String {
    let mut head: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() {
        head.push('…');
    }
    head
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::V2DeflateSerializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

    use super::*;
    use crate::encoding::encode;

    fn line(tag: &str, times: &str) -> String {
        format!("{tag}{times},1.0,{}", encode(&Histogram::of([(1_000, 3)], 3).unwrap()))
    }

    fn starts(log: &str) -> Vec<f64> {
        read(log.as_bytes()).unwrap().iter().map(|entry| (entry.start_s * 1e3).round() / 1e3).collect()
    }

    #[test]
    fn a_log_of_the_library_is_read_whole() {
        let (mut log, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
        let mut builder = IntervalLogWriterBuilder::new();
        let at = std::time::Duration::from_secs;
        builder.add_comment("one\ntwo").with_start_time(std::time::UNIX_EPOCH + at(1_700_000_000));
        let mut writer = builder.begin_log_with(&mut log, &mut serializer).unwrap();
        let mut recorded = hdrhistogram::Histogram::<u64>::new(2).unwrap();
        recorded.record_n(70_000, 4).unwrap();
        for (start, tag) in [(0, Tag::new("market")), (0, None), (1, Tag::new("orders"))] {
            writer.write_histogram(&recorded, at(start), at(1), tag).unwrap();
        }
        let found = read(&log).unwrap();
        let times: Vec<_> = found.iter().map(|e| (e.tag.as_deref(), e.start_s, e.length_s)).collect();
        assert_eq!(times, [(Some("market"), 0.0, 1.0), (None, 0.0, 1.0), (Some("orders"), 1.0, 1.0)]);
        assert!(found.iter().all(|e| (e.histogram.samples(), e.histogram.digits()) == (4, 2)));
    }

    #[test]
    fn starts_count_from_the_log_whatever_its_times_count_from() {
        let (near, later) = (line("", "0.5,1"), line("", "2.5,1"));
        assert_eq!(starts(&format!("{near}\n{later}")), [0.0, 2.0], "from the first line without a start");
        assert_eq!(
            starts(&format!("#[StartTime: 1700000000.0 (seconds since epoch)]\n{near}")),
            [0.5],
            "from the start"
        );
        let absolute = line("", "1700000003.5,1");
        assert_eq!(starts(&format!("#[StartTime: 1700000000.0 (x), y]\r\n{absolute}\r\n")), [3.5], "since the epoch");
        let base = "#[StartTime: 1700000001.0 (x)]\n#[BaseTime: 1700000000.0 (x)]";
        assert_eq!(starts(&format!("{base}\n{later}")), [1.5], "from the base");
    }

    #[test]
    fn legends_comments_and_blank_lines_are_passed_over() {
        let legend = "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"";
        let log = format!("#[Histogram log format version 1.3]\n\n{legend}\n{}\n  \n", line("Tag=,", "0,1"));
        let found = read(log.as_bytes()).unwrap();
        assert_eq!((found.len(), found[0].tag.as_deref()), (1, None));
        assert_eq!(read(b"").unwrap(), []);
        assert_eq!(read(b"#\xff\n").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (bad, problem) in [
            (line("", "nan,1"), "start `nan`, expected seconds, at most 9e9"),
            (line("", "0,inf"), "length `inf`, expected seconds, at most 9e9"),
            (line("", "0,-1"), "length `-1`, expected no negative one"),
            (line("", "1e10,1"), "start `1e10`, expected seconds, at most 9e9"),
            (line("", "0,1,2"), "more than 4 columns, expected start, length, maximum and histogram"),
            (line("", "0"), "3 columns, expected start, length, maximum and histogram"),
            ("Tag=x".into(), "a tag alone, expected an interval behind it"),
            ("0,1,max,HIST".into(), "maximum `max`, expected a number"),
            ("0,1,2,HIS?".into(), "histogram: byte 3 of the text: `?`, expected base64"),
            ("#[StartTime: soon]".into(), "StartTime `soon`, expected seconds, at most 9e9"),
            ("\u{1b}[2J,1,2,3".into(), "start `\\u{1b}[2J`, expected seconds, at most 9e9"),
        ] {
            let log = format!("# first\n{}\n{bad}\n", line("", "0,1"));
            let found = read(log.as_bytes()).unwrap_err();
            assert_eq!((found.line, found.problem.as_str()), (3, problem));
        }
        assert_eq!(read(b"0,1,\xff").unwrap_err().to_string(), "line 1: byte 4 is not UTF-8");
    }
}
