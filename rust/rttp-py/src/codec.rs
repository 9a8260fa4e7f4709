//! Dialects, single pulses and addresses.

use pyo3::create_exception;
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};
use rttp_proto::codec::{self, Value};
use rttp_proto::dialect::{Default, Dialect, Field, Order, Presence, Rule, Type};
use rttp_proto::dialects;
use rttp_proto::reject::Slug;
use rttp_proto::uri;

create_exception!(rttp_cli._core, EmitError, PyValueError);
create_exception!(rttp_cli._core, UriError, PyValueError);

#[pyclass(frozen, eq, module = "rttp_cli._core")]
#[derive(PartialEq, Eq, Clone)]
pub(crate) struct Reject(rttp_proto::reject::Reject);

#[pymethods]
impl Reject {
    #[getter]
    fn slug(&self) -> &'static str {
        self.0.slug.as_str()
    }

    #[getter]
    fn offset(&self) -> u32 {
        self.0.offset
    }

    #[getter]
    fn meaning(&self) -> &'static str {
        self.0.slug.meaning()
    }

    fn __repr__(&self) -> String {
        format!("Reject(slug={:?}, offset={})", self.0.slug.as_str(), self.0.offset)
    }
}

#[pyclass(frozen, get_all, module = "rttp_cli._core")]
pub(crate) struct Parsed {
    dialect: &'static str,
    byte_order: &'static str,
    fields: Py<PyDict>,
    reject: Option<Reject>,
    header_length: usize,
    tag_length: usize,
}

pub(crate) fn find(name: &str, byte_order: &str) -> PyResult<&'static Dialect> {
    let order = match byte_order {
        "big" => Order::Big,
        "little" => Order::Little,
        other => return Err(PyKeyError::new_err(format!("byte order `{other}`, expected `big` or `little`"))),
    };
    dialects::find(name, order)
        .ok_or_else(|| PyKeyError::new_err(format!("no dialect `{name}` in {byte_order}-endian order")))
}

fn order_name(dialect: &Dialect) -> &'static str {
    match dialect.order {
        Order::Big => "big",
        Order::Little => "little",
    }
}

fn to_python<'py>(py: Python<'py>, field: &Field, value: Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match (value, field.ty) {
        (Value::Uint(n), _) => n.into_pyobject(py)?.into_any(),
        // Text that is not text stays readable: one character a byte.
        (Value::Bytes(b), Type::Text(_)) => {
            PyString::new(py, &b.iter().map(|c| char::from(*c)).collect::<String>()).into_any()
        }
        (Value::Bytes(b), _) => PyBytes::new(py, &b).into_any(),
    })
}

#[pyfunction]
#[pyo3(signature = (data, dialect = "rttp1", byte_order = "big"))]
pub(crate) fn parse(py: Python<'_>, data: &[u8], dialect: &str, byte_order: &str) -> PyResult<Parsed> {
    let dialect = find(dialect, byte_order)?;
    let fields = PyDict::new(py);
    let mut rows_end = 0;
    for (field, value) in codec::rows(dialect, data) {
        rows_end = rows_end.max(field.end());
        fields.set_item(field.name, to_python(py, field, value)?)?;
    }
    let (reject, header_length, tag_length) = match dialect.judge(data) {
        Ok(extent) => (None, extent.header, extent.tag),
        Err(reject) => (Some(Reject(reject)), rows_end, 0),
    };
    let fields = fields.unbind();
    Ok(Parsed { dialect: dialect.name, byte_order: order_name(dialect), fields, reject, header_length, tag_length })
}

#[pyfunction]
#[pyo3(signature = (data, strict = false))]
pub(crate) fn detect<'py>(py: Python<'py>, data: &[u8], strict: bool) -> PyResult<Bound<'py, PyAny>> {
    match dialects::detect(data, strict) {
        Ok((dialect, ground)) => Ok((dialect.name, order_name(dialect), ground.as_str()).into_pyobject(py)?.into_any()),
        Err(reject) => Ok(Reject(reject).into_pyobject(py)?.into_any()),
    }
}

#[derive(FromPyObject)]
enum Given {
    Uint(u128),
    Bytes(Vec<u8>),
    Text(String),
}

#[pyfunction]
#[pyo3(signature = (values, dialect = "rttp1", byte_order = "big", *, now_ns = 0))]
pub(crate) fn emit<'py>(
    py: Python<'py>,
    values: &Bound<'py, PyDict>,
    dialect: &str,
    byte_order: &str,
    now_ns: u64,
) -> PyResult<Bound<'py, PyBytes>> {
    let dialect = find(dialect, byte_order)?;
    let mut pairs = Vec::with_capacity(values.len());
    for (name, value) in values {
        let name: String = name.extract()?;
        let value = match value.extract::<Given>() {
            Ok(Given::Uint(n)) => Value::Uint(n),
            Ok(Given::Bytes(b)) => Value::Bytes(b),
            Ok(Given::Text(t)) => Value::Bytes(one_byte_each(&name, &t)?),
            Err(_) => {
                let found = value.repr()?;
                return Err(EmitError::new_err(format!("`{name}` is {found}, expected 0 … 2^128-1, bytes or text")));
            }
        };
        pairs.push((name, value));
    }
    let header = codec::emit(dialect, &pairs, now_ns).map_err(|e| EmitError::new_err(e.to_string()))?;
    Ok(PyBytes::new(py, &header))
}

/// The reverse of how [`to_python`] shows text.
fn one_byte_each(name: &str, text: &str) -> PyResult<Vec<u8>> {
    let wide = |_| EmitError::new_err(format!("`{name}` is {text:?}, expected characters of one byte"));
    text.chars().map(|c| u8::try_from(u32::from(c))).collect::<Result<_, _>>().map_err(wide)
}

#[pyfunction]
pub(crate) fn slugs() -> Vec<(u8, &'static str, &'static str)> {
    Slug::ALL.iter().map(|s| (s.code(), s.as_str(), s.meaning())).collect()
}

#[pyfunction]
pub(crate) fn layouts(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let list = PyList::empty(py);
    for dialect in rttp_proto::dialects::ALL {
        let fields = PyList::empty(py);
        for field in dialect.fields {
            fields.append(describe(py, field)?)?;
        }
        let entry = PyDict::new(py);
        entry.set_item("name", dialect.name)?;
        entry.set_item("byte_order", order_name(dialect))?;
        entry.set_item("fixed_length", dialect.fixed)?;
        entry.set_item("doc", dialect.doc)?;
        entry.set_item("fields", fields)?;
        list.append(entry)?;
    }
    Ok(list)
}

/// One row of the table as plain Python values.
fn describe<'py>(py: Python<'py>, field: &Field) -> PyResult<Bound<'py, PyDict>> {
    let row = PyDict::new(py);
    row.set_item("name", field.name)?;
    row.set_item("offset", field.offset)?;
    row.set_item("size", field.ty.size())?;
    let ty = match field.ty {
        Type::Uint(_) => "uint",
        Type::Bytes(_) => "bytes",
        Type::Text(_) => "text",
    };
    row.set_item("type", ty)?;
    let (rule, slug, bound) = match field.rule {
        Rule::Any => ("any", None, None),
        Rule::Exactly(n, slug) => ("exactly", Some(slug), Some(n)),
        Rule::OneOf(_, slug) => ("one-of", Some(slug), None),
        Rule::Bits(_, slug) => ("bits", Some(slug), None),
        Rule::AtMost(n, slug) => ("at-most", Some(slug), Some(n)),
        Rule::NonZero(slug) => ("non-zero", Some(slug), None),
        Rule::SentZero => ("sent-zero", None, None),
    };
    row.set_item("rule", rule)?;
    row.set_item("slug", slug.map(Slug::as_str))?;
    row.set_item("bound", bound)?;
    let names = PyDict::new(py);
    for named in field.names() {
        names.set_item(named.name, named.value)?;
    }
    row.set_item("names", names)?;
    let when = match field.presence {
        Presence::Always => None,
        Presence::Flag(_, flag) => Some(flag),
    };
    row.set_item("when_flag", when)?;
    match field.default {
        Default::Value(n) => row.set_item("default", n)?,
        Default::Now => row.set_item("default", "now")?,
        Default::Computed => row.set_item("default", "computed")?,
    }
    row.set_item("doc", field.doc)?;
    Ok(row)
}

#[pyclass(frozen, get_all, module = "rttp_cli._core")]
pub(crate) struct Address {
    authority: String,
    intent: String,
    pillar: String,
    root: String,
    action: Option<String>,
    route_shard: Py<PyBytes>,
}

#[pyfunction]
pub(crate) fn parse_uri(py: Python<'_>, text: &str) -> PyResult<Address> {
    let address = uri::Address::parse(text).map_err(|e| UriError::new_err((e.to_string(), e.offset, e.expected)))?;
    Ok(Address {
        authority: address.authority.to_owned(),
        intent: address.intent.to_owned(),
        pillar: address.pillar.to_owned(),
        root: address.root.to_owned(),
        action: address.action.map(str::to_owned),
        route_shard: PyBytes::new(py, &address.route_shard()).unbind(),
    })
}
