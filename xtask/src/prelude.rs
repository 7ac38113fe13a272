//! What nearly every module uses.

pub(crate) use std::path::{Path, PathBuf};

pub(crate) use fs_err as fs;
pub(crate) use which::which;

pub(crate) use crate::failure::{Context, Result, bail, optional};
pub(crate) use crate::files;
pub(crate) use crate::interruption::watch_signals;
pub(crate) use crate::layout::Layout;
pub(crate) use crate::process::{command, line, output_of, run_logged, run_shown};
pub(crate) use crate::progress::{note, step};
