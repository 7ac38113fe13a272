//! The processor time of the server, of Postgres with its backends, and of Synapse.

use std::{fs, ops::Sub, path::Path};

use crate::{
    Result, Setup,
    system::{processes, server::Server},
};

/// Processor time, in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) server: f64,
    pub(crate) postgres: f64,
    pub(crate) synapse: f64,
}

impl Usage {
    /// The processor time of each since its start.
    pub(crate) fn now(setup: &Setup, server: &Server) -> Result<Self> {
        Ok(Self {
            server: server.cpu()?,
            postgres: processes::with_children(setup.postgres_pid)?,
            synapse: processes::own(recorded(&setup.synapse_pid_file)?)?,
        })
    }

    /// Divides the usage among this many.
    pub(crate) fn per(self, count: f64) -> Self {
        Self {
            server: self.server / count,
            postgres: self.postgres / count,
            synapse: self.synapse / count,
        }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            server: self.server - earlier.server,
            postgres: self.postgres - earlier.postgres,
            synapse: self.synapse - earlier.synapse,
        }
    }
}

/// The process id in a file; Synapse has a different one after each start.
fn recorded(path: &Path) -> Result<u32> {
    let record = fs::read_to_string(path)?;
    let pid = record.split_whitespace().next();
    Ok(pid.ok_or("no process id")?.parse()?)
}
