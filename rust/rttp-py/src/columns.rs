//! Batches of headers as columns that Python reads through the buffer protocol, without a copy.

use std::ffi::{CStr, c_int, c_void};
use std::sync::Arc;

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyBufferError, PyKeyError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use rttp_proto::columns::{self, Data, Spans};

use crate::codec::find;

/// One parsed batch, shared by its columns; never changed once it is here.
type Batch = Arc<columns::Columns>;

#[pyclass(frozen, module = "rttp_cli._core")]
pub(crate) struct Columns {
    batch: Batch,
}

/// Which of a batch's columns an object shows.
#[derive(Clone, Copy)]
enum Which {
    Status,
    RejectOffset,
    Field(usize),
}

#[pyclass(frozen, module = "rttp_cli._core")]
pub(crate) struct Column {
    batch: Batch,
    which: Which,
    shape: [isize; 2],
    strides: [isize; 2],
}

#[pymethods]
impl Columns {
    #[staticmethod]
    #[pyo3(signature = (data, dialect = "rttp1", byte_order = "big", *, stride = None, starts = None, lengths = None))]
    fn parse(
        py: Python<'_>,
        data: PyBackedBytes,
        dialect: &str,
        byte_order: &str,
        stride: Option<usize>,
        starts: Option<PyBuffer<u64>>,
        lengths: Option<PyBuffer<u32>>,
    ) -> PyResult<Columns> {
        let dialect = find(dialect, byte_order)?;
        let stride = stride.unwrap_or(dialect.fixed);
        let each = match (starts, lengths) {
            (None, None) => None,
            (Some(starts), Some(lengths)) => Some((starts.to_vec(py)?, lengths.to_vec(py)?)),
            _ => return Err(PyValueError::new_err("`starts` and `lengths` go together")),
        };
        if let Some((starts, lengths)) = &each
            && starts.len() != lengths.len()
        {
            let (s, l) = (starts.len(), lengths.len());
            return Err(PyValueError::new_err(format!("{s} starts and {l} lengths")));
        }
        if each.is_none() && stride == 0 {
            return Err(PyValueError::new_err("`stride` is 0, expected at least 1"));
        }
        let batch = py.detach(|| {
            let mut batch = columns::Columns::new(dialect);
            match &each {
                Some((starts, lengths)) => batch.parse(&data, Spans::Each(starts, lengths)),
                None => batch.parse(&data, Spans::Stride(stride)),
            }
            batch
        });
        Ok(Columns { batch: Arc::new(batch) })
    }

    #[getter]
    fn names(&self) -> Vec<&'static str> {
        self.batch.fields.iter().map(|(name, _)| *name).collect()
    }

    #[getter]
    fn status(&self) -> Column {
        Column::new(&self.batch, Which::Status)
    }

    #[getter]
    fn reject_offset(&self) -> Column {
        Column::new(&self.batch, Which::RejectOffset)
    }

    fn rejects(&self) -> Vec<(&'static str, u64)> {
        let counts = columns::count_status(&self.batch.status);
        let slugs = rttp_proto::reject::Slug::ALL.iter();
        slugs.map(|s| (s.as_str(), counts[usize::from(s.code())])).filter(|(_, n)| *n > 0).collect()
    }

    fn __getitem__(&self, name: &str) -> PyResult<Column> {
        let i = self.batch.fields.iter().position(|(n, _)| *n == name);
        let i = i.ok_or_else(|| PyKeyError::new_err(format!("no column `{name}`")))?;
        Ok(Column::new(&self.batch, Which::Field(i)))
    }

    fn __len__(&self) -> usize {
        self.batch.status.len()
    }
}

/// Address, item size, format and items a row of a column.
struct Raw {
    address: *const c_void,
    item: usize,
    format: &'static CStr,
    width: usize,
}

impl Column {
    fn new(batch: &Batch, which: Which) -> Column {
        let mut column = Column { batch: batch.clone(), which, shape: [0; 2], strides: [0; 2] };
        let raw = column.raw();
        let rows = batch.status.len();
        column.shape = [rows, raw.width].map(isize::try_from).map(|n| n.unwrap_or(isize::MAX));
        column.strides = [raw.item * raw.width, raw.item].map(isize::try_from).map(|n| n.unwrap_or(isize::MAX));
        column
    }

    fn raw(&self) -> Raw {
        fn one<T>(v: &[T], format: &'static CStr) -> Raw {
            Raw { address: v.as_ptr().cast(), item: size_of::<T>(), format, width: 1 }
        }
        match self.which {
            Which::Status => one(&self.batch.status, c"B"),
            Which::RejectOffset => one(&self.batch.reject_offset, c"I"),
            Which::Field(i) => match &self.batch.fields[i].1 {
                Data::U8(v) => one(v, c"B"),
                Data::U16(v) => one(v, c"H"),
                Data::U32(v) => one(v, c"I"),
                Data::U64(v) => one(v, c"Q"),
                Data::Bytes(n, v) => Raw { width: *n, ..one(v, c"B") },
            },
        }
    }
}

#[pymethods]
impl Column {
    fn __len__(&self) -> usize {
        self.batch.status.len()
    }

    /// The buffer protocol: read-only, C-contiguous, one dimension, or two for columns of bytes.
    ///
    /// # Safety
    /// CPython calls it with a `view` it owns, as the protocol says; nothing else does.
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        if view.is_null() {
            return Err(PyBufferError::new_err("no view given"));
        }
        if flags & ffi::PyBUF_WRITABLE == ffi::PyBUF_WRITABLE {
            return Err(PyBufferError::new_err("columns are read-only"));
        }
        let column = slf.get();
        let raw = column.raw();
        let length = column.shape[0] * column.strides[0];
        let dimensions = if raw.width == 1 { 1 } else { 2 };
        // SAFETY: `view` is not null and CPython hands us a Py_buffer to fill. Every pointer stored points into `column`
        // or the batch it keeps alive (a frozen class: nothing moves or changes them), and `obj` holds a reference to
        // the column until the consumer releases the view. CPython never writes through `shape`, `strides` or `format`,
        // nor through `buf` as `readonly` is set.
        unsafe {
            (*view).buf = raw.address.cast_mut();
            (*view).len = length;
            (*view).itemsize = isize::try_from(raw.item).unwrap_or(1);
            (*view).readonly = 1;
            (*view).ndim = dimensions;
            (*view).format = if flags & ffi::PyBUF_FORMAT == ffi::PyBUF_FORMAT {
                raw.format.as_ptr().cast_mut()
            } else {
                std::ptr::null_mut()
            };
            (*view).shape = column.shape.as_ptr().cast_mut();
            (*view).strides = column.strides.as_ptr().cast_mut();
            (*view).suboffsets = std::ptr::null_mut();
            (*view).internal = std::ptr::null_mut();
            (*view).obj = slf.into_any().into_ptr();
        }
        Ok(())
    }
}
