//! Chosen rows as a stream of record batches: pulses or messages, all of them, the first or the last so many.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};
use arrow_select::concat::concat_batches;

use crate::arrow::Projection;
use crate::batch::Batch;
use crate::cells::Table;
use crate::column::{Column, MESSAGES, OfMessage, OfPulse, PULSES};
use crate::decoder::{Decoder, Filled, Warnings};
use crate::select::Selector;

/// What a row is.
pub enum Shape {
    /// A pulse.
    Pulses(Projection<OfPulse>),
    /// A message.
    Messages(Projection<OfMessage>),
}

/// What comes next of a stream.
#[derive(Debug)]
pub enum Next {
    /// Rows; never none.
    Rows(RecordBatch),
    /// Nothing yet, and there is more to read.
    More,
    /// A source has nothing now.
    Wait,
    /// Nothing more.
    End,
}

/// Rows of captures.
pub struct Rows {
    shape: Shape,
    selector: Selector,
    names: Vec<String>,
    chosen: Vec<u32>,
    tail: Option<Tail>,
    rows: u64,
    ended: bool,
}

/// Batches of a tail that are kept apart.
const MANY: usize = 256;

/// The latest rows, in whole batches but for the oldest.
struct Tail {
    most: usize,
    kept: VecDeque<RecordBatch>,
    rows: usize,
}

impl Shape {
    /// Pulses or messages with columns by name; all but the payload if none are named.
    ///
    /// # Errors
    /// The first name that is no column's.
    pub fn new<'a>(messages: bool, names: Option<&[&'a str]>, payload: bool) -> Result<Shape, &'a str> {
        if messages {
            chosen(&MESSAGES, names, true).map(|c| Shape::Messages(Projection::new(&MESSAGES, &c)))
        } else {
            chosen(&PULSES, names, payload).map(|c| Shape::Pulses(Projection::new(&PULSES, &c)))
        }
    }
}

fn chosen<'a, S>(columns: &[Column<S>], names: Option<&[&'a str]>, all: bool) -> Result<Vec<usize>, &'a str> {
    let Some(names) = names else {
        let wanted = |i: &usize| all || columns.get(*i).is_some_and(|c| c.name != "payload");
        return Ok((0..columns.len()).filter(wanted).collect());
    };
    names.iter().map(|name| columns.iter().position(|c| c.name == *name).ok_or(*name)).collect()
}

impl Rows {
    /// A stream. `names` are those of the captures; `tail` keeps the last so many rows until the end.
    #[must_use]
    pub fn new(shape: Shape, selector: Selector, names: Vec<String>, tail: Option<usize>) -> Rows {
        let tail = tail.map(|most| Tail { most, kept: VecDeque::new(), rows: 0 });
        Rows { shape, selector, names, chosen: Vec::new(), tail, rows: 0, ended: false }
    }

    /// Names and types of the columns.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        match &self.shape {
            Shape::Pulses(projection) => projection.schema(),
            Shape::Messages(projection) => projection.schema(),
        }
    }

    /// Rows chosen so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The wanted ones of a batch that is not written as rows, by index.
    pub fn choose(&mut self, batch: &Batch) -> &[u32] {
        self.selector.select(batch, &self.names, &mut self.chosen);
        self.rows += self.chosen.len() as u64;
        &self.chosen
    }

    /// Whether no more rows are wanted.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.selector.is_done()
    }

    /// Names of the captures.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Reads on.
    ///
    /// # Errors
    /// Arrow's, which would be a bug.
    pub fn next(&mut self, decoder: &mut Decoder, warnings: &mut Warnings) -> Result<Next, ArrowError> {
        if self.ended || self.selector.is_done() {
            self.ended = true;
            let kept = self.tail.as_mut().and_then(|tail| tail.kept.pop_front());
            return Ok(kept.map_or(Next::End, Next::Rows));
        }
        let filled = decoder.fill(warnings);
        self.ended = filled == Filled::End;
        let intake = decoder.intake();
        let record = match &self.shape {
            Shape::Pulses(p) => pick(p, &intake.batch, &mut self.selector, &self.names, &mut self.chosen),
            Shape::Messages(p) => pick(p, &intake.messages, &mut self.selector, &self.names, &mut self.chosen),
        }?;
        self.rows += self.chosen.len() as u64;
        match (record, &mut self.tail) {
            (Some(record), None) => Ok(Next::Rows(record)),
            (Some(record), Some(tail)) => {
                tail.keep(record)?;
                Ok(Next::More)
            }
            (None, _) if filled == Filled::Wait => Ok(Next::Wait),
            (None, _) => Ok(Next::More),
        }
    }
}

fn pick<S: Copy + 'static, T: Table<Source = S>>(
    projection: &Projection<S>,
    table: &T,
    selector: &mut Selector,
    names: &[String],
    chosen: &mut Vec<u32>,
) -> Result<Option<RecordBatch>, ArrowError> {
    selector.select(table, names, chosen);
    if chosen.is_empty() { Ok(None) } else { projection.record(table, chosen, names).map(Some) }
}

impl Tail {
    fn keep(&mut self, record: RecordBatch) -> Result<(), ArrowError> {
        self.rows += record.num_rows();
        self.kept.push_back(record);
        if self.kept.len() > MANY {
            // Of an interface nearly every row is a batch of its own.
            let schema = self.kept.front().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
            let one = concat_batches(&schema, self.kept.make_contiguous().iter())?;
            self.kept = VecDeque::from([one]);
        }
        while self.rows > self.most {
            let Some(oldest) = self.kept.pop_front() else { break };
            let surplus = (self.rows - self.most).min(oldest.num_rows());
            self.rows -= surplus;
            if surplus < oldest.num_rows() {
                self.kept.push_front(oldest.slice(surplus, oldest.num_rows() - surplus));
            }
        }
        Ok(())
    }
}
