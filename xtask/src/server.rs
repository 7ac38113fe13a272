//! The server of this project: building it and running it.

use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::failure::{Context, Result};
use crate::layout::Layout;
use crate::matrix::answers_ok;
use crate::ports::Ports;
use crate::process::{command, run_shown};
use crate::progress::step;
use crate::service::{Service, ServiceSpec};
use crate::synapse::{self, Accounts};

const BINARY: &str = "matrix-support-chat";

/// Builds the server, and gives the program's path.
pub(crate) fn build(layout: &Layout) -> Result<PathBuf> {
    step("server", || {
        run_shown(
            command("cargo")
                .args(["build", "--package", "server"])
                .current_dir(&layout.root)
                .env("SQLX_OFFLINE", "true"),
            "building the server",
        )
    })?;
    Ok(layout.target()?.join("debug").join(BINARY))
}

/// How the server is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Fast to compile.
    Debug,
    /// Fast to run.
    Release,
}

impl Profile {
    /// Cargo's options for it.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Debug => &[],
            Self::Release => &["--release"],
        }
    }

    /// The directory of Cargo's output for it.
    pub(crate) fn dir(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds the server with the widget in it, which must have been built: it runs on any machine.
pub(crate) fn build_portable(layout: &Layout, profile: Profile) -> Result<PathBuf> {
    step("server, with the widget in it", || {
        run_shown(
            command("cargo")
                .args(["build", "--package", "server", "--features", "embed-widget"])
                .args(profile.options())
                .current_dir(&layout.root)
                .env("SQLX_OFFLINE", "true"),
            "building the server",
        )
    })?;
    Ok(layout.target()?.join(profile.dir()).join(BINARY))
}

/// The configuration of a server that is started.
pub(crate) struct ServerSpec<'a> {
    pub(crate) program: &'a Path,
    pub(crate) ports: Ports,
    pub(crate) database_url: String,
    pub(crate) homeserver_url: String,
    pub(crate) accounts: &'a Accounts,
    pub(crate) log: PathBuf,
    pub(crate) run_dir: &'a Path,
    /// The page of the admin listener that says when it can be used.
    pub(crate) wait_for: &'static str,
    /// More variables, for tests.
    pub(crate) settings: &'a [(&'a str, &'a str)],
}

/// Runs the server and waits until it is ready. Variables that are not set here are passed on, so
/// `SUPPORT_CHAT_SESSION_TTL=1m cargo xtask up` does what it says.
pub(crate) fn start(layout: &Layout, spec: &ServerSpec<'_>) -> Result<Service> {
    let Ports {
        page, host, admin, ..
    } = spec.ports;
    let staff = synapse::STAFF.map(synapse::mxid);
    let mut server = command(spec.program);
    server
        .current_dir(&layout.root)
        .env("DATABASE_URL", &spec.database_url)
        .env("MATRIX_HOMESERVER_URL", &spec.homeserver_url)
        .env("MATRIX_SUPPORT_BOT_MXID", synapse::mxid(synapse::BOT))
        .env("MATRIX_SUPPORT_BOT_PASSWORD", spec.accounts.bot_password())
        .env("MATRIX_SUPPORT_STAFF_MXIDS", staff.join(","))
        .env("SUPPORT_CHAT_LISTEN", format!("127.0.0.1:{page}"))
        .env("SUPPORT_CHAT_ADMIN_LISTEN", format!("127.0.0.1:{admin}"))
        .env(
            "SUPPORT_CHAT_ALLOWED_ORIGINS",
            [page, host]
                .map(|port| format!("http://localhost:{port},http://127.0.0.1:{port}"))
                .join(","),
        )
        .envs(spec.settings.iter().copied());
    // Meant for another server, these would contradict what is said above.
    for other in [
        "DATABASE_URL_FILE",
        "MATRIX_SUPPORT_BOT_PASSWORD_FILE",
        "MATRIX_SUPPORT_BOT_ACCESS_TOKEN",
        "MATRIX_SUPPORT_BOT_ACCESS_TOKEN_FILE",
    ] {
        server.env_remove(other);
    }
    step(format_args!("server on port {page}"), || {
        let service = ServiceSpec {
            name: "server",
            log: spec.log.clone(),
            run_dir: spec.run_dir,
            marker: spec.program,
            stop_with: Signal::TERM,
        };
        let mut service = Service::start(service, &mut server)?;
        let page = format!("{}/{}", admin_url(spec.ports), spec.wait_for);
        service.wait_ready(|| Ok(answers_ok(&page)))?;
        Ok(service)
    })
}

/// The address of the page.
pub(crate) fn page_url(ports: Ports) -> String {
    format!("http://localhost:{}", ports.page)
}

/// The address of a website that may embed the widget.
pub(crate) fn host_url(ports: Ports) -> String {
    format!("http://localhost:{}", ports.host)
}

/// A page of a running server.
pub(crate) fn get(url: &str) -> Result<String> {
    let answer = ureq::get(url).config().proxy(None).build().call();
    answer
        .and_then(|mut answer| answer.body_mut().read_to_string())
        .context(url)
}

/// The address of health, readiness and metrics.
pub(crate) fn admin_url(ports: Ports) -> String {
    format!("http://127.0.0.1:{}", ports.admin)
}
