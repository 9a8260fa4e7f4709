//! What a thread asks of the host before it measures: a core, a priority, awake idle states, memory that stays. Each
//! answer is recorded, so that a report can say what was done and what was refused, and why.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::unistd::Pid;

use crate::error::Error;

/// One thing asked of the host and what it said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// What: `affinity`, `fifo`, `mlock`, `cpu-dma-latency`, `timer-slack`, `stall-meter`.
    pub what: &'static str,
    /// Whether it was granted.
    pub granted: bool,
    /// With what value, or why not.
    pub detail: String,
}

impl Asked {
    pub(crate) fn of(what: &'static str, value: impl Into<String>, result: io::Result<()>) -> Asked {
        match result {
            Ok(()) => Asked { what, granted: true, detail: value.into() },
            Err(e) => Asked { what, granted: false, detail: format!("{}: {e}", value.into()) },
        }
    }
}

/// The cores this process may use, ascending; at least one.
#[must_use]
pub fn allowed_cores() -> Vec<usize> {
    let cores = sched_getaffinity(Pid::from_raw(0))
        .map_or_else(|_| Vec::new(), |set| (0..CpuSet::count()).filter(|i| set.is_set(*i).unwrap_or(false)).collect());
    if cores.is_empty() { vec![0] } else { cores }
}

/// Binds the calling thread to cores.
///
/// # Errors
/// A core that does not exist or is not allowed.
pub fn pin(cores: &[usize]) -> io::Result<()> {
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}

/// Gives the calling thread a real-time priority (`SCHED_FIFO`). Only for threads that block: one that spins is thrown
/// off its core for 50 ms of every second by the kernel's throttle.
///
/// # Errors
/// Without CAP_SYS_NICE or a real-time limit the kernel refuses.
pub fn set_fifo(priority: u8) -> io::Result<()> {
    set_policy(libc::SCHED_FIFO, i32::from(priority))
}

/// Gives the calling thread only what nobody else wants (`SCHED_IDLE`); needs no privilege.
///
/// # Errors
/// The kernel's reason.
pub fn set_idle() -> io::Result<()> {
    set_policy(libc::SCHED_IDLE, 0)
}

fn set_policy(policy: i32, priority: i32) -> io::Result<()> {
    // SAFETY: sched_param is plain old data; zeros are valid, and its priority is set below.
    let mut parameter: libc::sched_param = unsafe { std::mem::zeroed() };
    parameter.sched_priority = priority;
    // SAFETY: the pointer is to a live sched_param; pid 0 is the calling thread.
    match unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Keeps all memory of the process in RAM.
///
/// # Errors
/// Beyond the memlock limit without CAP_IPC_LOCK.
pub fn lock_memory() -> io::Result<()> {
    Ok(mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE)?)
}

/// Takes away the 50 µs by which the kernel may wake the calling thread late.
///
/// # Errors
/// The kernel's reason.
pub fn sharpen_timers() -> io::Result<()> {
    Ok(nix::sys::prctl::set_timerslack(1)?)
}

/// Keeps idle cores awake while it lives: an idle core that sleeps costs every wake-up 20 µs and more.
pub struct AwakeCores(#[allow(dead_code, reason = "the kernel watches the open file, nobody reads it")] File);

impl AwakeCores {
    /// Holds `/dev/cpu_dma_latency` at 0 µs.
    ///
    /// # Errors
    /// Only root may open it; some kernels do not have it.
    pub fn hold() -> io::Result<AwakeCores> {
        let mut file = OpenOptions::new().write(true).open("/dev/cpu_dma_latency")?;
        file.write_all(&0i32.to_ne_bytes())?;
        Ok(AwakeCores(file))
    }
}

/// What a measuring thread wants of the host.
#[derive(Clone, Debug, Default)]
pub struct Seat {
    /// Core to run on.
    pub core: Option<usize>,
    /// Real-time priority, 1–99.
    pub fifo: Option<u8>,
    /// Whether a refused priority ends the run; else it is only reported.
    pub fifo_required: bool,
}

impl Seat {
    /// Takes the seat for the calling thread.
    ///
    /// # Errors
    /// A core or priority that was asked for by name and refused ends the run: its figures would not be what was asked.
    pub fn take(&self) -> Result<Vec<Asked>, Error> {
        let mut asked = vec![Asked::of("timer-slack", "1 ns", sharpen_timers())];
        if let Some(core) = self.core {
            pin(&[core]).map_err(|source| Error::Forbidden { what: format!("running on core {core}"), source })?;
            asked.push(Asked { what: "affinity", granted: true, detail: format!("core {core}") });
        }
        if let Some(priority) = self.fifo {
            let what = format!("SCHED_FIFO priority {priority}");
            match set_fifo(priority) {
                Err(source) if self.fifo_required => {
                    return Err(Error::Forbidden { what: what + " (CAP_SYS_NICE)", source });
                }
                answer => asked.push(Asked::of("fifo", what, answer)),
            }
        }
        Ok(asked)
    }
}
