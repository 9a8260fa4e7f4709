//! Plans as text.

use rttp_load::plan::{Arrival, Cut, Plan, Priority, Size, StreamPlan};
use serde_json::{Value, json};

/// A word as JSON has it: `InOrder` is `in-order`.
fn name(value: impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.char_indices().fold(String::new(), |mut out, (i, c)| {
        out.push_str(if c.is_uppercase() && i > 0 { "-" } else { "" });
        out.push(c.to_ascii_lowercase());
        out
    })
}

/// Equal, but for the last bit of a fraction: serde_json reads fractions without its `float_roundtrip`.
pub(crate) fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| alike(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| alike(a, b)))
        }
        (Value::Number(x), Value::Number(y)) if x.is_f64() => {
            y.as_f64().zip(x.as_f64()).is_some_and(|(x, y)| (x - y).abs() <= 1e-15 * x.abs())
        }
        _ => a == b,
    }
}

/// A plan as profiles are compiled to it.
pub(crate) fn to_json(plan: &Plan) -> Value {
    let stream = |s: &StreamPlan| {
        let arrival = match &s.arrival {
            Arrival::Constant { rate } => json!({"process": "constant", "rate": rate}),
            Arrival::Poisson { rate } => json!({"process": "poisson", "rate": rate}),
            Arrival::Bursts { rate, on_ns, off_ns, spacing } => {
                json!({"process": "bursts", "rate": rate, "on_ns": on_ns, "off_ns": off_ns, "spacing": name(spacing)})
            }
            Arrival::Ramp { from, to, over_ns, spacing } => {
                json!({"process": "ramp", "from": from, "to": to, "over_ns": over_ns, "spacing": name(spacing)})
            }
            Arrival::Steps { steps, spacing } => {
                let steps: Vec<Value> = steps.iter().map(|s| json!({"rate": s.rate, "for_ns": s.for_ns})).collect();
                json!({"process": "steps", "steps": steps, "spacing": name(spacing)})
            }
            Arrival::Sine { mean, amplitude, period_ns, spacing } => {
                json!({"process": "sine", "mean": mean, "amplitude": amplitude, "period_ns": period_ns, "spacing": name(spacing)})
            }
            Arrival::Trace { trace, speed, repeat } => {
                json!({"process": "trace", "trace": trace, "speed": speed, "repeat": repeat})
            }
            Arrival::Flood {} => json!({"process": "flood"}),
            Arrival::Closed {} => json!({"process": "closed"}),
        };
        let priority = match &s.priority {
            Priority::Fixed { value } => json!({"pattern": "fixed", "value": value}),
            Priority::Weighted { classes } => json!({"pattern": "weighted", "classes": classes}),
            Priority::Uniform { from, to } => json!({"pattern": "uniform", "from": from, "to": to}),
            Priority::Cycle { values } => json!({"pattern": "cycle", "values": values}),
            Priority::BySize { steps, beyond } => json!({"pattern": "by-size", "steps": steps, "beyond": beyond}),
            Priority::Trace {} => json!({"pattern": "trace"}),
        };
        let size = match &s.size {
            Size::Fixed { bytes } => json!({"pattern": "fixed", "bytes": bytes}),
            Size::Uniform { from, to } => json!({"pattern": "uniform", "from": from, "to": to}),
            Size::Lognormal { median, sigma, min, max } => {
                json!({"pattern": "lognormal", "median": median, "sigma": sigma, "min": min, "max": max})
            }
            Size::Weighted { sizes } => json!({"pattern": "weighted", "sizes": sizes}),
            Size::Trace {} => json!({"pattern": "trace"}),
        };
        let mut fragments = match &s.fragments.cut {
            Cut::None {} => json!({"pattern": "none"}),
            Cut::Fixed { count } => json!({"pattern": "fixed", "count": count}),
            Cut::Uniform { from, to } => json!({"pattern": "uniform", "from": from, "to": to}),
            Cut::Weighted { counts } => json!({"pattern": "weighted", "counts": counts}),
            Cut::Mtu { payload } => json!({"pattern": "mtu", "payload": payload}),
            Cut::Kv { token_blocks, layers, heads } => {
                json!({"pattern": "kv", "token_blocks": token_blocks, "layers": layers, "heads": heads})
            }
        };
        fragments["order"] = json!(name(s.fragments.order));
        fragments["interleave"] = json!(s.fragments.interleave);
        fragments["gap_ns"] = json!(s.fragments.gap_ns);
        json!({
            "name": s.name, "arrival": arrival, "priority": priority, "size": size, "fragments": fragments,
            "mode": name(s.mode), "timeout_ns": s.timeout_ns, "deadline_ns": s.deadline_ns, "class": name(s.class),
            "queue": s.queue, "overflow": name(s.overflow), "first_token_ns": s.first_token_ns,
        })
    };
    let streams: Vec<Value> = plan.streams.iter().map(stream).collect();
    json!({
        "seed": plan.seed, "warmup_ns": plan.warmup_ns, "duration_ns": plan.duration_ns,
        "cooldown_ns": plan.cooldown_ns, "count": plan.count, "streams": streams,
    })
}
