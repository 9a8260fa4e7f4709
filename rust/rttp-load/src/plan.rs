//! A plan: the load of one run as data. Profiles are compiled to it; nothing in it is a default.

use rttp_proto::dialects::rttp1::{HEADER, MAX_DATAGRAM};
use serde::Deserialize;

/// Most streams of a plan.
pub const STREAMS: usize = 256;
/// Highest rate of a stream, messages per second.
pub const MAX_RATE: f64 = 1e8;
/// Most payload bytes of a pulse.
pub const MAX_PAYLOAD: u64 = (MAX_DATAGRAM - HEADER) as u64;

/// The load of one run.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// All randomness follows from it.
    pub seed: u64,
    /// Pulses due in this first stretch are sent and not measured, ns.
    pub warmup_ns: u64,
    /// Pulses due in this one are measured, ns.
    pub duration_ns: u64,
    /// Pulses due in this last stretch are sent and not measured, ns.
    pub cooldown_ns: u64,
    /// At most so many measured pulses.
    pub count: Option<u64>,
    /// What is sent side by side.
    pub streams: Vec<StreamPlan>,
}

/// Messages of one kind.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamPlan {
    /// How reports call it.
    pub name: String,
    /// When messages are due.
    pub arrival: Arrival,
    /// Priority of a message's pulses.
    pub priority: Priority,
    /// Payload of a message (of a token in a token stream).
    pub size: Size,
    /// Into how many pulses it is cut (tokens in a token stream).
    pub fragments: Fragments,
    /// What its pulses are and who answers.
    pub mode: Mode,
    /// A pulse not answered by then is lost, ns.
    pub timeout_ns: u64,
    /// Counted from the schedule, ns.
    pub deadline_ns: Option<u64>,
    /// What a missed deadline means.
    pub class: Class,
    /// Due pulses that may wait to be sent.
    pub queue: u32,
    /// What happens to one more.
    pub overflow: Overflow,
    /// In a token stream: from the request to its first token, ns.
    pub first_token_ns: u64,
}

/// When messages are due; rates in messages per second.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "process", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Arrival {
    /// Evenly.
    Constant {
        /// Messages per second.
        rate: f64,
    },
    /// With exponential gaps.
    Poisson {
        /// Mean, messages per second.
        rate: f64,
    },
    /// On and off, starting with on.
    Bursts {
        /// While on.
        rate: f64,
        /// Length of a burst.
        on_ns: u64,
        /// Length of a pause.
        off_ns: u64,
        /// Gaps while on.
        spacing: Spacing,
    },
    /// From one rate to another, linearly, then steady.
    Ramp {
        /// At the start.
        from: f64,
        /// At the end and after it.
        to: f64,
        /// How long it takes.
        over_ns: u64,
        /// Gaps.
        spacing: Spacing,
    },
    /// One rate after the other, then again from the first.
    Steps {
        /// The rates.
        steps: Vec<Step>,
        /// Gaps.
        spacing: Spacing,
    },
    /// mean + amplitude · sin(2πt/period).
    Sine {
        /// Mean rate.
        mean: f64,
        /// At most the mean.
        amplitude: f64,
        /// Length of a wave.
        period_ns: u64,
        /// Gaps.
        spacing: Spacing,
    },
    /// As recorded.
    Trace {
        /// Which of the traces handed over with the plan.
        trace: usize,
        /// 2 is twice as fast.
        speed: f64,
        /// Start over at the end.
        repeat: bool,
    },
    /// Whenever the host takes one more.
    Flood {},
    /// When the last one is answered or given up.
    Closed {},
}

/// One rate for a while.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Messages per second; may be 0.
    pub rate: f64,
    /// How long, ns.
    pub for_ns: u64,
}

/// Gaps between arrivals.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spacing {
    /// As even as the rate allows.
    Even,
    /// Exponential (a Poisson process of that rate).
    Poisson,
}

/// Priority of a message.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "pattern", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Priority {
    /// Always the same.
    Fixed {
        /// 0–255.
        value: u8,
    },
    /// Drawn from classes.
    Weighted {
        /// Priority and weight.
        classes: Vec<(u8, f64)>,
    },
    /// Drawn evenly, both ends included.
    Uniform {
        /// Lowest.
        from: u8,
        /// Highest.
        to: u8,
    },
    /// One after the other.
    Cycle {
        /// In this order.
        values: Vec<u8>,
    },
    /// By the message's payload.
    BySize {
        /// Payload bytes up to and including, and the priority; ascending.
        steps: Vec<(u64, u8)>,
        /// Of anything larger.
        beyond: u8,
    },
    /// As the trace has it; 128 where it has none.
    Trace {},
}

/// Payload bytes of a message.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "pattern", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Size {
    /// Always the same.
    Fixed {
        /// Bytes.
        bytes: u64,
    },
    /// Drawn evenly, both ends included.
    Uniform {
        /// Least.
        from: u64,
        /// Most.
        to: u64,
    },
    /// Log-normal, clamped.
    Lognormal {
        /// Half are smaller.
        median: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
        /// Least.
        min: u64,
        /// Most.
        max: u64,
    },
    /// Drawn from a list.
    Weighted {
        /// Bytes and weight.
        sizes: Vec<(u64, f64)>,
    },
    /// As the trace has it.
    Trace {},
}

/// How a message is cut.
#[derive(Clone, PartialEq, Debug, Deserialize)]
pub struct Fragments {
    /// Into how many.
    #[serde(flatten)]
    pub cut: Cut,
    /// In which order they are sent.
    pub order: Order,
    /// Messages that start together, their fragments in turn.
    pub interleave: u16,
    /// From fragment to fragment of a message, ns.
    pub gap_ns: u64,
}

/// Number of fragments.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(tag = "pattern", rename_all = "kebab-case")]
pub enum Cut {
    /// One pulse.
    None {},
    /// Always the same.
    Fixed {
        /// 1 … 65,535.
        count: u16,
    },
    /// Drawn evenly, both ends included.
    Uniform {
        /// Least.
        from: u16,
        /// Most.
        to: u16,
    },
    /// Drawn from a list.
    Weighted {
        /// Number and weight.
        counts: Vec<(u16, f64)>,
    },
    /// As many as the message's size needs.
    Mtu {
        /// Payload bytes of a fragment.
        payload: u64,
    },
    /// A snapshot of a KV cache: one fragment for each block of tokens of each layer and head.
    Kv {
        /// Blocks of tokens.
        token_blocks: u16,
        /// Layers, or groups of them.
        layers: u16,
        /// Heads, or groups of them.
        heads: u16,
    },
}

/// In which order the fragments of a message are sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// 0, 1, 2 …
    InOrder,
    /// The last first.
    Reverse,
    /// By the seed, another for each message.
    Shuffled,
    /// Of a KV snapshot: all layers and heads of the first block of tokens, then of the second.
    TokenMajor,
}

/// What the pulses of a stream are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Every pulse comes back: PING, or DATA (SNAPSHOT for a KV cut) with ECHO where there are fragments.
    Echo,
    /// Nothing comes back: DATA (SNAPSHOT).
    OneWay,
    /// REQUEST with ECHO, answered by RESPONSE.
    RequestResponse,
    /// A REQUEST, then its tokens as STREAM pulses, all with ECHO.
    TokenStream,
}

/// What a missed deadline means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A failure.
    Hard,
    /// The answer is worthless.
    Firm,
    /// The answer is worth less.
    Soft,
}

/// What happens to a due pulse when the stream's queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// It waits outside, and so does everything due after it.
    Delay,
    /// It is not sent, and counted.
    Drop,
}

impl Plan {
    /// Reads a plan and checks it.
    ///
    /// # Errors
    /// What is wrong, in words with the place.
    pub fn from_json(text: &str) -> Result<Plan, String> {
        let plan: Plan = serde_json::from_str(text).map_err(|e| e.to_string())?;
        plan.check()?;
        Ok(plan)
    }

    /// Measured from, in schedule time, ns.
    #[must_use]
    pub fn measured_from(&self) -> u64 {
        self.warmup_ns
    }

    /// Measured until, in schedule time, ns.
    #[must_use]
    pub fn measured_until(&self) -> u64 {
        self.warmup_ns.saturating_add(self.duration_ns)
    }

    /// End of the schedule, ns.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.measured_until().saturating_add(self.cooldown_ns)
    }

    /// Whether it is one stream whose next pulse waits for the answer to the last.
    #[must_use]
    pub fn closed(&self) -> bool {
        matches!(self.streams.as_slice(), [stream] if stream.arrival == Arrival::Closed {})
    }

    fn check(&self) -> Result<(), String> {
        if self.streams.is_empty() || self.streams.len() > STREAMS {
            return Err(format!("{} streams, expected 1 to {STREAMS}", self.streams.len()));
        }
        for (i, stream) in self.streams.iter().enumerate() {
            stream.check().map_err(|why| format!("streams[{i}]: {why}"))?;
            if stream.arrival == (Arrival::Closed {}) && self.streams.len() > 1 {
                return Err(format!("streams[{i}]: a closed loop must be the only stream"));
            }
        }
        Ok(())
    }
}

impl StreamPlan {
    /// Most pulses that a message has.
    #[must_use]
    pub fn most_pulses(&self) -> u64 {
        let most = |counts: &[(u16, f64)]| counts.iter().map(|(count, _)| u64::from(*count)).max().unwrap_or(1);
        let units = match &self.fragments.cut {
            Cut::None {} => 1,
            Cut::Fixed { count } => u64::from(*count),
            Cut::Uniform { to, .. } => u64::from(*to),
            Cut::Weighted { counts } => most(counts),
            // What a trace holds is cut into no more than a message can have.
            Cut::Mtu { payload } => match self.size.most() {
                Some(bytes) => bytes.div_ceil((*payload).max(1)).max(1),
                None => u64::from(u16::MAX),
            },
            Cut::Kv { token_blocks, layers, heads } => {
                u64::from(*token_blocks) * u64::from(*layers) * u64::from(*heads)
            }
        };
        units + u64::from(self.mode == Mode::TokenStream)
    }

    /// Peak rate of messages per second; `None` where there is none to tell (trace, flood, closed).
    #[must_use]
    pub fn peak_rate(&self) -> Option<f64> {
        match &self.arrival {
            Arrival::Constant { rate } | Arrival::Poisson { rate } | Arrival::Bursts { rate, .. } => Some(*rate),
            Arrival::Ramp { from, to, .. } => Some(from.max(*to)),
            Arrival::Steps { steps, .. } => Some(steps.iter().map(|s| s.rate).fold(0.0, f64::max)),
            Arrival::Sine { mean, amplitude, .. } => Some(mean + amplitude),
            Arrival::Trace { .. } | Arrival::Flood {} | Arrival::Closed {} => None,
        }
    }

    fn check(&self) -> Result<(), String> {
        let rate = |what: &str, rate: f64, least: f64| match rate.is_finite() && rate >= least && rate <= MAX_RATE {
            true => Ok(()),
            false => Err(format!("{what} {rate}, expected {least} to {MAX_RATE}")),
        };
        match &self.arrival {
            Arrival::Constant { rate: r } | Arrival::Poisson { rate: r } => rate("rate", *r, 1e-6)?,
            Arrival::Bursts { rate: r, on_ns, .. } => {
                rate("rate", *r, 1e-6)?;
                at_least("on_ns", *on_ns, 1)?;
            }
            Arrival::Ramp { from, to, over_ns, .. } => {
                rate("from", *from, 0.0)?;
                rate("to", *to, 1e-6)?;
                at_least("over_ns", *over_ns, 1)?;
            }
            Arrival::Steps { steps, .. } => {
                for step in steps {
                    rate("rate", step.rate, 0.0)?;
                    at_least("for_ns", step.for_ns, 1)?;
                }
                if !steps.iter().any(|s| s.rate > 0.0) {
                    return Err("steps without a rate above 0".into());
                }
            }
            Arrival::Sine { mean, amplitude, period_ns, .. } => {
                rate("mean", *mean, 1e-6)?;
                rate("amplitude", *amplitude, 0.0)?;
                at_least("period_ns", *period_ns, 1)?;
                if amplitude > mean {
                    return Err(format!("amplitude {amplitude} above the mean {mean}"));
                }
            }
            Arrival::Trace { speed, .. } => rate("speed", *speed, 1e-6)?,
            Arrival::Flood {} if self.mode != Mode::OneWay => return Err("a flood must be one-way".into()),
            Arrival::Closed {} if !matches!(self.mode, Mode::Echo | Mode::RequestResponse) => {
                return Err("a closed loop needs answers".into());
            }
            Arrival::Closed {} if self.fragments.cut != (Cut::None {}) => {
                return Err("a closed loop has no fragments".into());
            }
            Arrival::Flood {} | Arrival::Closed {} => {}
        }
        self.priority.check()?;
        self.size.check()?;
        self.fragments.check()?;
        at_least("timeout_ns", self.timeout_ns, 1)?;
        at_least("queue", u64::from(self.queue), 1)?;
        let payload = self.most_payload();
        if payload > MAX_PAYLOAD {
            return Err(format!("a pulse of {payload} bytes of payload, at most {MAX_PAYLOAD} fit"));
        }
        let pulses = self.most_pulses();
        if pulses - u64::from(self.mode == Mode::TokenStream) > u64::from(u16::MAX) {
            return Err(format!("a message of {pulses} pulses, at most 65,535 are possible"));
        }
        Ok(())
    }

    /// Most payload bytes of one pulse; 0 where a trace decides (what it holds is cut to what fits).
    #[must_use]
    pub fn most_payload(&self) -> u64 {
        let Some(size) = self.size.most() else { return 0 };
        if self.mode == Mode::TokenStream {
            return size;
        }
        match &self.fragments.cut {
            Cut::None {} => size,
            Cut::Fixed { count } => size.div_ceil(u64::from(*count)),
            Cut::Uniform { from, .. } => size.div_ceil(u64::from(*from)),
            Cut::Weighted { counts } => {
                size.div_ceil(counts.iter().map(|(count, _)| u64::from(*count)).min().unwrap_or(1).max(1))
            }
            Cut::Mtu { payload } => *payload,
            Cut::Kv { .. } => size.div_ceil(self.most_pulses().max(1)),
        }
    }
}

fn at_least(what: &str, value: u64, least: u64) -> Result<(), String> {
    if value < least { Err(format!("{what} {value}, expected at least {least}")) } else { Ok(()) }
}

fn weights<T>(what: &str, list: &[(T, f64)]) -> Result<(), String> {
    let sum: f64 = list.iter().map(|(_, weight)| *weight).sum();
    let good = list.iter().all(|(_, weight)| weight.is_finite() && *weight >= 0.0) && sum > 0.0 && sum.is_finite();
    if good { Ok(()) } else { Err(format!("{what}: weights must be 0 or more, one of them above 0")) }
}

impl Priority {
    fn check(&self) -> Result<(), String> {
        match self {
            Priority::Weighted { classes } => weights("priority", classes),
            Priority::Uniform { from, to } if from > to => Err(format!("priority from {from} to {to}")),
            Priority::Cycle { values } if values.is_empty() => Err("priority: an empty cycle".into()),
            Priority::BySize { steps, .. } if !steps.is_sorted_by(|a, b| a.0 < b.0) => {
                Err("priority: sizes that do not ascend".into())
            }
            _ => Ok(()),
        }
    }
}

impl Size {
    /// Most bytes of a message; `None` where a trace decides.
    #[must_use]
    pub fn most(&self) -> Option<u64> {
        match self {
            Size::Fixed { bytes } => Some(*bytes),
            Size::Uniform { to, .. } => Some(*to),
            Size::Lognormal { max, .. } => Some(*max),
            Size::Weighted { sizes } => sizes.iter().map(|(bytes, _)| *bytes).max(),
            Size::Trace {} => None,
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Size::Uniform { from, to } if from > to => Err(format!("size from {from} to {to}")),
            Size::Lognormal { median, sigma, min, max } => {
                let good = median.is_finite() && *median > 0.0 && sigma.is_finite() && *sigma >= 0.0 && min <= max;
                if good { Ok(()) } else { Err(format!("size: median {median}, sigma {sigma}, {min} to {max}")) }
            }
            Size::Weighted { sizes } => weights("size", sizes),
            _ => Ok(()),
        }
    }
}

impl Fragments {
    fn check(&self) -> Result<(), String> {
        at_least("interleave", u64::from(self.interleave), 1)?;
        match &self.cut {
            Cut::Fixed { count } => at_least("count", u64::from(*count), 1),
            Cut::Uniform { from, to } if from > to || *from == 0 => Err(format!("fragments from {from} to {to}")),
            Cut::Weighted { counts } => {
                weights("fragments", counts)?;
                counts.iter().try_for_each(|(count, _)| at_least("count", u64::from(*count), 1))
            }
            Cut::Mtu { payload } => at_least("payload", *payload, 1),
            Cut::Kv { token_blocks, layers, heads } => {
                [token_blocks, layers, heads].into_iter().try_for_each(|n| at_least("kv", u64::from(*n), 1))
            }
            _ => Ok(()),
        }
    }
}
