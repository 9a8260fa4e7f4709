//! Rows as Arrow record batches, and these as JSON lines and CSV.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, FixedSizeBinaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Int32Array, Int64Array, RecordBatch, StringArray, UInt8Array, UInt16Array,
    UInt32Array, UInt64Array, new_null_array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use foldhash::fast::RandomState;
use rttp_proto::dialect::Named;

use crate::cells::{Cells, Table, ip};
use crate::column::{Column, Output};

/// Columns of a table in an order, ready to write.
#[derive(Debug)]
pub struct Projection<S: 'static> {
    columns: Vec<Column<S>>,
    schema: SchemaRef,
}

impl<S: Copy + 'static> Projection<S> {
    /// Columns by their index in the table's list.
    #[must_use]
    pub fn new(all: &'static [Column<S>], chosen: &[usize]) -> Projection<S> {
        let columns: Vec<Column<S>> = chosen.iter().filter_map(|i| all.get(*i)).copied().collect();
        let fields: Vec<Field> = columns.iter().map(|c| Field::new(c.name, data_type(c.output), true)).collect();
        Projection { columns, schema: Arc::new(Schema::new(fields)) }
    }

    /// Names and types.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Rows by index as one record batch.
    ///
    /// # Errors
    /// Arrow's, which would be a bug: columns follow from the schema.
    pub fn record<T: Table<Source = S>>(
        &self,
        table: &T,
        rows: &[u32],
        names: &[String],
    ) -> Result<RecordBatch, ArrowError> {
        let arrays = self.columns.iter().map(|c| array(c.output, table.cells(c.source, rows, names)));
        RecordBatch::try_new(self.schema.clone(), arrays.collect::<Result<_, _>>()?)
    }
}

fn data_type(output: Output) -> DataType {
    match output {
        Output::Unsigned(1) => DataType::UInt8,
        Output::Unsigned(2) => DataType::UInt16,
        Output::Unsigned(4) => DataType::UInt32,
        Output::Unsigned(_) => DataType::UInt64,
        Output::Signed => DataType::Int64,
        Output::Flag => DataType::Boolean,
        Output::Fixed(n) => DataType::FixedSizeBinary(i32::try_from(n).unwrap_or(i32::MAX)),
        Output::Binary => DataType::Binary,
        Output::Name(_) | Output::Bits(_) | Output::Text | Output::Address => {
            DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
        }
    }
}

fn array(output: Output, cells: Cells<'_>) -> Result<ArrayRef, ArrowError> {
    let nulls = |valid: Option<Vec<bool>>| valid.map(|v| NullBuffer::new(BooleanBuffer::from(v)));
    Ok(match (output, cells) {
        (_, Cells::Absent(rows)) => new_null_array(&data_type(output), rows),
        (Output::Unsigned(1), Cells::Numbers(v, valid)) => {
            Arc::new(UInt8Array::new(narrow(&v, |n| n as u8), nulls(valid)))
        }
        (Output::Unsigned(2), Cells::Numbers(v, valid)) => {
            Arc::new(UInt16Array::new(narrow(&v, |n| n as u16), nulls(valid)))
        }
        (Output::Unsigned(4), Cells::Numbers(v, valid)) => {
            Arc::new(UInt32Array::new(narrow(&v, |n| n as u32), nulls(valid)))
        }
        (Output::Flag, Cells::Numbers(v, valid)) => {
            Arc::new(BooleanArray::new(v.iter().map(|n| *n != 0).collect::<BooleanBuffer>(), nulls(valid)))
        }
        (Output::Name(names), Cells::Numbers(v, valid)) => coded(&v, valid, |n| name(names, n)),
        (Output::Bits(names), Cells::Numbers(v, valid)) => coded(&v, valid, |n| bits(names, n)),
        (_, Cells::Numbers(v, valid)) => Arc::new(UInt64Array::new(v.into(), nulls(valid))),
        (_, Cells::Signed(v, valid)) => Arc::new(Int64Array::new(v.into(), nulls(valid))),
        (Output::Fixed(n), Cells::Bytes(v)) => {
            let mut builder = FixedSizeBinaryBuilder::with_capacity(v.len(), i32::try_from(n).unwrap_or(i32::MAX));
            for bytes in v {
                match bytes {
                    Some(bytes) => builder.append_value(bytes)?,
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }
        (_, Cells::Bytes(v)) => {
            let mut builder = BinaryBuilder::with_capacity(v.len(), v.iter().flatten().map(|b| b.len()).sum());
            v.iter().for_each(|bytes| builder.append_option(*bytes));
            Arc::new(builder.finish())
        }
        (_, Cells::Text(v)) => dictionary(&v, |text| (*text).to_owned()),
        (_, Cells::Addresses(v)) => {
            dictionary(&v.iter().map(Some).collect::<Vec<_>>(), |address| ip(**address).to_string())
        }
    })
}

fn narrow<T: arrow_buffer::ArrowNativeType>(values: &[u64], cut: impl Fn(u64) -> T) -> ScalarBuffer<T> {
    values.iter().map(|n| cut(*n)).collect::<Vec<T>>().into()
}

/// Numbers that are few, as texts of a dictionary.
fn coded(values: &[u64], valid: Option<Vec<bool>>, text: impl Fn(u64) -> String) -> ArrayRef {
    let cells: Vec<Option<u64>> = match valid {
        None => values.iter().copied().map(Some).collect(),
        Some(valid) => values.iter().zip(valid).map(|(n, there)| there.then_some(*n)).collect(),
    };
    dictionary(&cells, |n| text(*n))
}

/// Values that repeat, as texts of a dictionary: each is turned into text once a batch.
fn dictionary<K: Copy + Eq + std::hash::Hash>(values: &[Option<K>], text: impl Fn(&K) -> String) -> ArrayRef {
    let mut known: HashMap<K, i32, RandomState> = HashMap::default();
    let mut texts: Vec<String> = Vec::new();
    let mut before: Option<(K, i32)> = None;
    let mut key_of = |value: &K| {
        if let Some((same, key)) = before
            && same == *value
        {
            return key;
        }
        let key = *known.entry(*value).or_insert_with(|| {
            texts.push(text(value));
            i32::try_from(texts.len() - 1).unwrap_or(i32::MAX)
        });
        before = Some((*value, key));
        key
    };
    let keys: Int32Array = values.iter().map(|value| value.as_ref().map(&mut key_of)).collect();
    let texts: ArrayRef = Arc::new(StringArray::from(texts));
    match DictionaryArray::<Int32Type>::try_new(keys, texts.clone()) {
        Ok(array) => Arc::new(array),
        // Keys are indices of the texts, so there is no such error.
        Err(_) => new_null_array(&DataType::Utf8, values.len()),
    }
}

fn name(names: &[Named], number: u64) -> String {
    let found = names.iter().find(|n| n.value == u128::from(number));
    found.map_or_else(|| format!("{number:#04x}"), |n| n.name.to_owned())
}

/// Names of set bits joined by `|`; bits without a name in hex; `0` for none.
fn bits(names: &[Named], number: u64) -> String {
    let mut found: Vec<String> = Vec::new();
    let mut rest = number;
    for named in names {
        let value = named.value as u64;
        if number & value == value && value != 0 {
            found.push(named.name.to_owned());
            rest &= !value;
        }
    }
    if rest != 0 || found.is_empty() {
        found.push(if rest == 0 { "0".to_owned() } else { format!("{rest:#04x}") });
    }
    found.join("|")
}

/// A record batch as JSON lines: absent values are left out, bytes are hex.
///
/// # Errors
/// Arrow's, for a type without JSON form; columns have none of them.
pub fn json_lines(record: &RecordBatch, out: Vec<u8>) -> Result<Vec<u8>, ArrowError> {
    let mut writer = WriterBuilder::new().build::<_, LineDelimited>(out);
    writer.write(record)?;
    writer.finish()?;
    Ok(writer.into_inner())
}

/// A record batch as CSV (RFC 4180): absent values are empty, bytes are hex.
///
/// # Errors
/// Arrow's, for a type without text form; columns have none of them.
pub fn csv(record: &RecordBatch, header: bool, out: &mut Vec<u8>) -> Result<(), ArrowError> {
    let mut writer = arrow_csv::WriterBuilder::new().with_header(header).build(out as &mut dyn io::Write);
    writer.write(record)
}
