//! The files in `deploy/`: read in every run, and started on request.

use crate::containers::Podman;
use crate::dist::VERSION;
use crate::layout::path_with;
use crate::prelude::*;
use crate::{apt, image, python, synapse};

/// Checks the compose file and the manifests. With arguments, which go to pytest, the image has been loaded, and what
/// stands in for images of others is made sure of.
pub(super) fn check(layout: &Layout, podman: Option<&Podman>, extra: &[String]) -> Result<()> {
    let requirements = include_str!("../../../deploy/tests/requirements.txt");
    let bin = python::programs(layout, "deploy", requirements)?;
    let mut pytest = command(bin.join("pytest"));
    pytest
        .args("-vx --tb=short -p no:cacheprovider --durations=0 --durations-min=1".split(' '))
        .current_dir(layout.root.join("deploy/tests"))
        .env("PATH", path_with(&bin)?)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(podman) = podman {
        pytest.envs(podman.variables());
    }
    if extra.is_empty() {
        pytest.args(["test_files.py", "test_kubernetes.py"]);
    } else {
        let not_run = "compose.yaml is not run";
        let caddy = apt::program(layout, "caddy", "caddy", not_run)?.context(not_run)?;
        let synapse = synapse::programs(layout)?;
        pytest
            .args(extra)
            .env("CADDY", caddy)
            .env("SYNAPSE_ENVIRONMENT", synapse.with_file_name(""))
            .env("SERVER_IMAGE", image::name(VERSION));
    }
    run_shown(pytest, "the tests of deploy/")
}
