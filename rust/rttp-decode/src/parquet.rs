//! Record batches as a Parquet file.

use std::io::Write;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

/// Rows of a group at most.
const GROUP: usize = 1 << 18;
/// Bytes of a group, which is in memory, encoded, until it is full.
const GROUP_BYTES: usize = 64 << 20;
/// Numbers that climb or scatter: their differences are small, and a dictionary would gain nothing.
const DIFFERENCES: [&str; 12] = [
    "packet",
    "time_ns",
    "last_ns",
    "timestamp_ns",
    "seq_id",
    "message_id",
    "sequence",
    "interval_ns",
    "delay_ns",
    "duration_ns",
    "whole_after_ns",
    "bytes",
];

/// A file being written.
pub struct Parquet<W: Write + Send> {
    writer: ArrowWriter<W>,
    rows: u64,
}

impl<W: Write + Send> Parquet<W> {
    /// Begins a file, with texts beside the rows for readers of the footer.
    ///
    /// # Errors
    /// The output's.
    pub fn new(out: W, schema: &SchemaRef, texts: Vec<(String, String)>) -> Result<Parquet<W>, ParquetError> {
        let texts = texts.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
        let mut properties = WriterProperties::builder()
            // Version 2 has dictionaries for bytes of a fixed length: a fingerprint that repeats is a few bits.
            .set_writer_version(WriterVersion::PARQUET_2_0)
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_max_row_group_row_count(Some(GROUP))
            .set_statistics_enabled(EnabledStatistics::None)
            .set_key_value_metadata(Some(texts));
        for field in schema.fields() {
            let column = || ColumnPath::from(field.name().as_str());
            if is_number(field.data_type()) {
                // What a reader skips groups by; of texts it would cost more than it saves.
                properties = properties.set_column_statistics_enabled(column(), EnabledStatistics::Chunk);
            }
            if DIFFERENCES.contains(&field.name().as_str()) {
                properties = properties
                    .set_column_dictionary_enabled(column(), false)
                    .set_column_encoding(column(), Encoding::DELTA_BINARY_PACKED);
            }
        }
        let writer = ArrowWriter::try_new(out, schema.clone(), Some(properties.build()))?;
        Ok(Parquet { writer, rows: 0 })
    }

    /// Adds rows.
    ///
    /// # Errors
    /// The output's.
    pub fn write(&mut self, record: &RecordBatch) -> Result<(), ParquetError> {
        self.rows += record.num_rows() as u64;
        self.writer.write(record)?;
        if self.writer.in_progress_size() > GROUP_BYTES { self.writer.flush() } else { Ok(()) }
    }

    /// Ends the file: the output, and how many rows are in it.
    ///
    /// # Errors
    /// The output's.
    pub fn finish(self) -> Result<(W, u64), ParquetError> {
        Ok((self.writer.into_inner()?, self.rows))
    }
}

const fn is_number(data_type: &DataType) -> bool {
    matches!(data_type, DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 | DataType::Int64)
}
