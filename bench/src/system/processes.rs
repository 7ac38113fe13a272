//! The resources that processes use, according to the kernel.

use std::{fs, time::Duration};

use crate::Result;

/// The processor time of one process.
pub(crate) fn own(pid: u32) -> Result<f64> {
    if let Some(exact) = of_threads(pid) {
        return Ok(exact);
    }
    let stat = Stat::of(pid).ok_or("a process has ended")?;
    Ok(stat.own)
}

/// The processor time of its living threads, in nanoseconds if the kernel counts them: a few messages take less than a
/// hundredth of a second.
fn of_threads(pid: u32) -> Option<f64> {
    let mut nanoseconds = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread may have ended since the directory was read.
        let Ok(stat) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else {
            continue;
        };
        nanoseconds += stat.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    (nanoseconds > 0).then(|| Duration::from_nanos(nanoseconds).as_secs_f64())
}

/// The processor time of a process, of its children, and of children that have ended.
pub(crate) fn with_children(pid: u32) -> Result<f64> {
    let stat = Stat::of(pid).ok_or("a process has ended")?;
    let children: f64 = fs::read_dir("/proc")?
        .filter_map(|entry| Stat::of(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .filter(|child| child.parent == pid)
        .map(|child| child.own)
        .sum();
    Ok(stat.own + stat.gone_children + children)
}

/// The memory of a process, in MiB.
pub(crate) fn resident_mib(pid: u32) -> Result<f64> {
    memory_mib(pid, "VmRSS:")
}

/// The largest memory of a process so far, in MiB.
pub(crate) fn peak_mib(pid: u32) -> Result<f64> {
    memory_mib(pid, "VmHWM:")
}

fn memory_mib(pid: u32, field: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .ok_or_else(|| format!("no {field} in /proc"))?;
    Ok(kib.trim().parse::<f64>()? / 1024.0)
}

struct Stat {
    parent: u32,
    own: f64,
    gone_children: f64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is a name in brackets and may contain blanks.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<u32> = rest
            .split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap_or_default())
            .collect();
        // Each tick is a hundredth of a second on every Linux.
        let seconds =
            |index: usize| f64::from(fields.get(index).copied().unwrap_or_default()) / 100.0;
        Some(Self {
            parent: *fields.first()?,
            own: seconds(10) + seconds(11),
            gone_children: seconds(12) + seconds(13),
        })
    }
}
