//! Captures being decoded, as objects that Python drives: text, Arrow, a capture of the selection, or a summary.

use std::fs::File;
use std::io::{self, BufWriter, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arrow_array::ffi_stream::FFI_ArrowArrayStream;
use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict};
use rttp_capture::{Format, Interface, LinkType, Merge, Packet, Source, Writer, first_time_ns};
use rttp_decode::arrow;
use rttp_decode::cells::{FILTERED_MESSAGES, FILTERED_PULSES};
use rttp_decode::column::{Column, MESSAGES, Output, PULSES};
use rttp_decode::decoder::{Decoder, Filled, Gather, Keep, Moment, Options, Ports, Warnings};
use rttp_decode::dialect::{NAMES, Rules};
use rttp_decode::filter::{self, ColumnKind, Filter};
use rttp_decode::parquet::Parquet;
use rttp_decode::rows::{Next, Rows, Shape};
use rttp_decode::select::Selector;
use rttp_decode::summary::{Capture, CaptureInterface, Summary};
use rttp_io::capture;
use rttp_io::signals::StopOnSignals;

use crate::load::{CoreError, core_error};

/// Text of a call: as much as a pipe takes in a few writes.
const TEXT: usize = 1 << 20;

/// What is read and what has come of it, shared by the object and a stream made from it.
struct Work {
    decoder: Decoder,
    rows: Rows,
    warnings: Warnings,
    summary: Summary,
    header_written: bool,
}

/// What can be seen while somebody else works.
#[derive(Default)]
struct Progress {
    bytes: AtomicU64,
    packets: AtomicU64,
    rows: AtomicU64,
}

#[pyclass(frozen, module = "rttp_cli._core")]
pub(crate) struct Decode {
    work: Arc<Mutex<Work>>,
    progress: Arc<Progress>,
    stop: Arc<AtomicBool>,
    drops: Vec<capture::Drops>,
    _signals: StopOnSignals,
}

/// How a decoding is asked for.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Asked {
    captures: Vec<String>,
    live: bool,
    follow: bool,
    ports: Option<Vec<u16>>,
    dialect: Option<String>,
    strict: bool,
    filter: Option<String>,
    messages: bool,
    gather: String,
    fields: Option<Vec<String>>,
    keep: String,
    every: u64,
    head: Option<u64>,
    tail: Option<usize>,
    since: Option<(bool, u64)>,
    until: Option<(bool, u64)>,
}

#[pymethods]
impl Decode {
    #[new]
    fn new(py: Python<'_>, asked: Asked) -> PyResult<Decode> {
        let stop = Arc::new(AtomicBool::new(false));
        let signals = StopOnSignals::watch(&stop)?;
        let mut drops = Vec::new();
        let sources = py.detach(|| sources(&asked, &mut drops))?;
        let keep = match asked.keep.as_str() {
            "head" => Keep::Head,
            "payload" => Keep::Payload,
            "packet" => Keep::Packet,
            other => return Err(PyValueError::new_err(format!("`{other}` cannot be kept"))),
        };
        let payload = keep == Keep::Payload;
        let fields: Option<Vec<&str>> = asked.fields.as_ref().map(|f| f.iter().map(String::as_str).collect());
        let shape = Shape::new(asked.messages, fields.as_deref(), payload);
        let shape = shape.map_err(|name| PyValueError::new_err(format!("no column `{name}`")))?;
        let rules = Rules { asked: asked.dialect.as_deref().map(dialect_code).transpose()?, strict: asked.strict };
        let moment = |(relative, ns): (bool, u64)| if relative { Moment::After(ns) } else { Moment::At(ns) };
        let options = Options {
            ports: asked.ports.map_or(Ports::Any, Ports::Of),
            rules,
            since: asked.since.map(moment),
            until: asked.until.map(moment),
            keep,
            gather: match asked.gather.as_str() {
                "no" => Gather::No,
                "fragmented" => Gather::Fragmented,
                "all" => Gather::All,
                other => return Err(PyValueError::new_err(format!("`{other}` cannot be gathered"))),
            },
        };
        let filter = asked.filter.as_deref().map(|text| compile(text, asked.messages)).transpose();
        let filter = filter.map_err(|e| PyValueError::new_err(e.to_string()))?;
        let selector = Selector::new(filter, asked.every, asked.head);
        let rows = Rows::new(shape, selector, asked.captures, asked.tail);
        let work = Work {
            decoder: Decoder::new(Merge::new(sources), options),
            rows,
            warnings: Warnings::default(),
            summary: Summary::new(),
            header_written: false,
        };
        Ok(Decode { work: Arc::new(Mutex::new(work)), progress: Arc::default(), stop, drops, _signals: signals })
    }

    /// The next rows as text, `None` at the end.
    fn lines<'py>(&self, py: Python<'py>, form: &str) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let as_csv = match form {
            "jsonl" => false,
            "csv" => true,
            other => return Err(PyValueError::new_err(format!("`{other}` is no form of text"))),
        };
        let (progress, stop) = (&self.progress, &self.stop);
        let text = py.detach(|| {
            let mut work = lock(&self.work);
            let mut text = Vec::with_capacity(TEXT + TEXT / 4);
            while text.len() < TEXT {
                match work.next(progress, stop)? {
                    Next::Rows(record) if as_csv => {
                        let header = !std::mem::replace(&mut work.header_written, true);
                        arrow::csv(&record, header, &mut text)?;
                    }
                    Next::Rows(record) => text = arrow::json_lines(&record, text)?,
                    Next::More => {}
                    Next::Wait => break,
                    Next::End if as_csv && !work.header_written => {
                        work.header_written = true;
                        let nothing = RecordBatch::new_empty(work.rows.schema());
                        arrow::csv(&nothing, true, &mut text)?;
                    }
                    Next::End if text.is_empty() => return Ok(None),
                    Next::End => break,
                }
            }
            Ok(Some(text))
        });
        let text = text.map_err(|e: ArrowError| PyRuntimeError::new_err(e.to_string()))?;
        Ok(text.map(|text| PyBytes::new(py, &text)))
    }

    /// All rows from here on, by the Arrow C stream interface.
    #[pyo3(signature = (requested_schema = None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The protocol lets a producer ignore what it cannot cast to.
        drop(requested_schema);
        let stream = FFI_ArrowArrayStream::new(Box::new(Stream::start(self)?));
        PyCapsule::new_with_value(py, stream, c"arrow_array_stream")
    }

    /// Writes all rows into a file as Parquet, with texts in its footer; how many.
    fn write_parquet(&self, py: Python<'_>, path: PathBuf, texts: Vec<(String, String)>) -> PyResult<u64> {
        let failed =
            |e: &dyn std::fmt::Display| CoreError::new_err(("unwritable", format!("`{}`: {e}", path.display())));
        py.detach(|| {
            let rows = Stream::start(self).map_err(|e| failed(&e))?;
            let out = File::create(&path).map_err(|e| failed(&e))?;
            let out = BufWriter::with_capacity(1 << 20, out);
            let mut file = Parquet::new(out, &rows.schema(), texts).map_err(|e| failed(&e))?;
            for record in rows {
                let record = record.map_err(|e| PyRuntimeError::new_err(e.to_string()))?;
                file.write(&record).map_err(|e| failed(&e))?;
            }
            let (mut out, written) = file.finish().map_err(|e| failed(&e))?;
            io::Write::flush(&mut out).map_err(|e| failed(&e))?;
            Ok(written)
        })
    }

    /// Reads on into the summary for so many seconds; whether there is more.
    fn summarise(&self, py: Python<'_>, seconds: f64) -> bool {
        let until = Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 3600.0));
        py.detach(|| {
            let mut work = lock(&self.work);
            loop {
                let filled = work.fill(&self.stop);
                let Work { decoder, rows, summary, .. } = &mut *work;
                let intake = decoder.intake();
                summary.add(&intake.batch, rows.choose(&intake.batch));
                summary.add_messages(&intake.messages);
                let done = filled == Filled::End || rows.is_done();
                work.tell(&self.progress);
                if done {
                    return false;
                }
                if Instant::now() >= until {
                    return true;
                }
            }
        })
    }

    /// The summary so far as JSON (docs/DECODE.md).
    fn summary(&self, py: Python<'_>, flows: usize) -> PyResult<String> {
        py.detach(|| {
            let work = lock(&self.work);
            let captures = work.rows.names().iter().enumerate().map(|(i, name)| work.capture(i, name)).collect();
            let document = work.summary.document(captures, work.decoder.intake(), &work.warnings, flows);
            serde_json::to_string(&document).map_err(|e| PyRuntimeError::new_err(e.to_string()))
        })
    }

    /// Writes the packets of all chosen rows as a capture; how many.
    fn write(&self, py: Python<'_>, path: PathBuf, form: &str, comment: Option<String>) -> PyResult<u64> {
        let format = match form {
            "pcap" => Format::Pcap,
            "pcapng" => Format::Pcapng,
            other => return Err(PyValueError::new_err(format!("`{other}` is no form of capture"))),
        };
        let unwritable =
            |e: &dyn std::fmt::Display| CoreError::new_err(("unwritable", format!("`{}`: {e}", path.display())));
        py.detach(|| {
            let mut work = lock(&self.work);
            let out = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(|e| unwritable(&e))?);
            let mut writer = Writer::new(out, format, comment.as_deref()).map_err(|e| unwritable(&e))?;
            let mut written = 0;
            loop {
                let filled = work.fill(&self.stop);
                let Work { decoder, rows, .. } = &mut *work;
                for row in rows.choose(&decoder.intake().batch) {
                    written += u64::from(put(decoder, &mut writer, *row).map_err(|e| unwritable(&e))?);
                }
                let done = filled == Filled::End || rows.is_done();
                work.tell(&self.progress);
                if done {
                    let mut out = writer.finish().map_err(|e| unwritable(&e))?;
                    io::Write::flush(&mut out).map_err(|e| unwritable(&e))?;
                    return Ok(written);
                }
            }
        })
    }

    /// Bytes and packets read, rows chosen.
    fn progress(&self) -> (u64, u64, u64) {
        let Progress { bytes, packets, rows } = &*self.progress;
        let seen = |n: &AtomicU64| n.load(Ordering::Relaxed);
        (seen(bytes), seen(packets), seen(rows))
    }

    /// The first warnings (capture, packet, offset, slug, text, whether it is fatal) and how many there are in all.
    fn warnings(&self, py: Python<'_>) -> (Vec<Warned>, u64) {
        // Whoever has the lock may need Python's to give it back.
        py.detach(|| {
            let work = lock(&self.work);
            let name = |file: usize| work.rows.names().get(file).cloned().unwrap_or_default();
            let listed = work.warnings.list.iter().map(|(file, w)| {
                (name(*file), w.packet, w.offset, w.problem.slug(), w.to_string(), w.problem.is_fatal())
            });
            (listed.collect(), work.warnings.count)
        })
    }

    /// Pulses so far that came in several IP fragments.
    #[getter]
    fn reassembled(&self, py: Python<'_>) -> u64 {
        py.detach(|| lock(&self.work).decoder.intake().counters.reassembled)
    }

    /// Whether Ctrl-C or SIGTERM ended it.
    #[getter]
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Packets that the kernel dropped before a live capture had them.
    #[getter]
    fn drops(&self) -> u64 {
        self.drops.iter().map(|d| d.load(Ordering::Relaxed)).sum()
    }
}

/// Capture, packet, offset, slug, text, whether nothing more of the capture was read.
type Warned = (String, Option<u64>, u64, &'static str, String, bool);

impl Work {
    fn fill(&mut self, stop: &AtomicBool) -> Filled {
        if stop.load(Ordering::Relaxed) {
            self.decoder.stop();
        }
        self.decoder.fill(&mut self.warnings)
    }

    fn next(&mut self, progress: &Progress, stop: &AtomicBool) -> Result<Next, ArrowError> {
        if stop.load(Ordering::Relaxed) {
            self.decoder.stop();
        }
        let next = self.rows.next(&mut self.decoder, &mut self.warnings);
        self.tell(progress);
        next
    }

    fn tell(&self, progress: &Progress) {
        progress.rows.store(self.rows.rows(), Ordering::Relaxed);
        progress.packets.store(self.decoder.intake().counters.packets, Ordering::Relaxed);
        let readers = (0..self.rows.names().len()).filter_map(|i| self.decoder.merge().reader(i));
        progress.bytes.store(readers.map(rttp_capture::Reader::bytes_in).sum(), Ordering::Relaxed);
    }

    fn capture(&self, i: usize, name: &str) -> Capture {
        let reader = self.decoder.merge().reader(i);
        let interface = |i: &Interface| CaptureInterface {
            name: i.name.clone(),
            link: LinkType::name(i.link).to_owned(),
            link_type: i.link.0,
            ticks_per_s: i.ticks_per_s,
            snap_length: i.snap_length,
        };
        Capture {
            name: name.to_owned(),
            format: reader.and_then(|r| r.format()).map(Format::name),
            compression: reader.map(|r| r.compression()).and_then(|c| match c {
                rttp_capture::Compression::None => None,
                other => Some(other.name()),
            }),
            packets: reader.map_or(0, |r| r.packets()),
            bytes: reader.map_or(0, |r| r.bytes_in()),
            interfaces: reader.map_or_else(Vec::new, |r| r.interfaces().iter().map(interface).collect()),
        }
    }
}

/// Writes a row's packet, if it was kept; whether it was.
fn put<W: io::Write>(decoder: &Decoder, writer: &mut Writer<W>, row: u32) -> Result<bool, rttp_capture::WriteError> {
    let batch = &decoder.intake().batch;
    let (Some(found), Some(kept)) = (batch.rows.get(row as usize), batch.kept.get(row as usize)) else {
        return Ok(false);
    };
    let reader = decoder.merge().reader(found.file as usize);
    let interface = reader.and_then(|r| r.interfaces().get(found.interface as usize));
    let Some(interface) = interface else { return Ok(false) };
    let packet = Packet {
        number: found.packet,
        offset: 0,
        time_ns: found.time_ns,
        interface: found.interface,
        link: interface.link,
        data: batch.kept_bytes(row as usize).unwrap_or(&[]),
        original: kept.original,
    };
    writer.packet(interface, &packet).map(|()| true)
}

/// Rows for whoever reads Arrow, decoded by a thread of their own: a writer of Parquet costs more than decoding.
///
/// The thread ends with the rows, with Ctrl-C, or with the stream, whose end it meets at its next batch.
struct Stream {
    schema: SchemaRef,
    /// `None` is the end: a thread that is gone without it has failed.
    records: Receiver<Option<Result<RecordBatch, ArrowError>>>,
    ended: bool,
}

/// Batches that wait for the reader at most.
const AHEAD: usize = 4;

impl Stream {
    fn start(decode: &Decode) -> io::Result<Stream> {
        let (work, progress, stop) = (decode.work.clone(), decode.progress.clone(), decode.stop.clone());
        let schema = lock(&work).rows.schema();
        let (sender, records) = sync_channel(AHEAD);
        let read = move || loop {
            let next = lock(&work).next(&progress, &stop);
            let ended = matches!(next, Ok(Next::End) | Err(_));
            let sent = match next {
                Ok(Next::Rows(record)) => sender.send(Some(Ok(record))),
                Ok(Next::More | Next::Wait) => continue,
                Ok(Next::End) => sender.send(None),
                Err(error) => sender.send(Some(Err(error))),
            };
            if sent.is_err() || ended {
                return;
            }
        };
        thread::Builder::new().name("rttp-decode".into()).spawn(read)?;
        Ok(Stream { schema, records, ended: false })
    }
}

impl Iterator for Stream {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let failed = || Some(Err(ArrowError::ComputeError("the thread that decodes is gone".into())));
        let next = self.records.recv().unwrap_or_else(|_| failed());
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl RecordBatchReader for Stream {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }
}

fn lock(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sources(asked: &Asked, drops: &mut Vec<capture::Drops>) -> PyResult<Vec<Source>> {
    let mut sources = Vec::new();
    let alone = asked.captures.len() == 1;
    for name in &asked.captures {
        if asked.live {
            let (source, dropped) = capture::live(name).map_err(|e| core_error(&e))?;
            drops.push(dropped);
            sources.push(Source { open: Box::new(move || Ok(source)), first_ns: None });
            continue;
        }
        let follow = asked.follow;
        if name == "-" {
            sources.push(Source { open: Box::new(move || capture::stdin(follow)), first_ns: None });
            continue;
        }
        let path = PathBuf::from(name);
        let first_ns = if alone || follow { None } else { first_of(&path) };
        sources.push(Source { open: Box::new(move || capture::open(&path, follow)), first_ns });
    }
    Ok(sources)
}

/// When a regular file's first packet was captured: a pipe can be read only once.
fn first_of(path: &Path) -> Option<u64> {
    let regular = path.metadata().is_ok_and(|m| m.is_file());
    let source: Box<dyn Read + Send> = if regular { Box::new(File::open(path).ok()?) } else { return None };
    first_time_ns(source)
}

fn dialect_code(name: &str) -> PyResult<u8> {
    let found = NAMES.iter().find(|n| n.name == name && n.name != "json");
    let code = found.and_then(|n| u8::try_from(n.value).ok());
    code.ok_or_else(|| PyValueError::new_err(format!("no dialect `{name}`")))
}

fn compile(text: &str, messages: bool) -> Result<Filter, filter::FilterError> {
    Filter::parse(text, if messages { &FILTERED_MESSAGES } else { &FILTERED_PULSES })
}

/// What is wrong with a filter: the place and its length in characters, message, hint; `None` if nothing is.
#[pyfunction]
pub(crate) fn check_filter(text: &str, messages: bool) -> Option<(usize, usize, String, Option<String>)> {
    compile(text, messages).err().map(|e| (e.at, e.length, e.message, e.hint))
}

/// All columns of pulses or of messages: name, type, names of values, one line each.
#[pyfunction]
pub(crate) fn decode_columns(py: Python<'_>, messages: bool) -> PyResult<Vec<Bound<'_, PyDict>>> {
    if messages { rows_of(py, &MESSAGES) } else { rows_of(py, &PULSES) }
}

fn rows_of<'py, S>(py: Python<'py>, columns: &[Column<S>]) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let row = |column: &Column<S>| {
        let row = PyDict::new(py);
        row.set_item("name", column.name)?;
        let (written, names) = match column.output {
            Output::Unsigned(bytes) => (format!("uint{}", bytes * 8), &[][..]),
            Output::Signed => ("int64".into(), &[][..]),
            Output::Flag => ("bool".into(), &[][..]),
            Output::Name(names) => ("name".into(), names),
            Output::Bits(names) => ("bits".into(), names),
            Output::Fixed(n) => (format!("bytes[{n}]"), &[][..]),
            Output::Binary => ("bytes".into(), &[][..]),
            Output::Text => ("text".into(), &[][..]),
            Output::Address => ("address".into(), &[][..]),
        };
        row.set_item("type", written)?;
        row.set_item("names", names.iter().map(|n| n.name).collect::<Vec<_>>())?;
        let filtered = match column.kind {
            ColumnKind::Number => "number",
            ColumnKind::Bits => "bits",
            ColumnKind::Duration => "duration",
            ColumnKind::Time => "time",
            ColumnKind::Bytes => "bytes",
            ColumnKind::Text => "text",
            ColumnKind::Address => "address",
            ColumnKind::Flag => "flag",
        };
        row.set_item("filter", filtered)?;
        row.set_item("doc", column.doc)?;
        Ok(row)
    };
    columns.iter().map(row).collect()
}
