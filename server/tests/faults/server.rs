//! The server as a process that can be killed.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use rand::RngExt;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::{
    net::TcpStream,
    task::spawn_blocking,
    time::{Instant, sleep},
};

use crate::parts;

/// A server that always has the same address. It is killed when this is dropped.
pub(crate) struct Server {
    variables: Vec<(&'static str, String)>,
    port: u16,
    admin_port: u16,
    log: File,
    child: Option<Child>,
}

impl Server {
    /// One that does not run yet.
    pub(crate) fn new(name: &str, mut variables: Vec<(&'static str, String)>) -> Self {
        let (port, admin_port) = (free_port(), free_port());
        variables.push(("SUPPORT_CHAT_LISTEN", format!("127.0.0.1:{port}")));
        variables.push((
            "SUPPORT_CHAT_ADMIN_LISTEN",
            format!("127.0.0.1:{admin_port}"),
        ));
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("faults-{name}.log"));
        Self {
            variables,
            port,
            admin_port,
            log: File::create(log).unwrap(),
            child: None,
        }
    }

    /// The public listener's base URL.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it says of its readiness.
    pub(crate) async fn readiness(&self) -> Option<Value> {
        let url = format!("http://127.0.0.1:{}/readyz", self.admin_port);
        let answer = reqwest::get(url).await.ok()?;
        answer.json().await.ok()
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Waits until it has ended; returns whether it ended well.
    pub(crate) async fn ended(&mut self) -> bool {
        let mut child = self.child.take().expect("a server that runs");
        let ended = spawn_blocking(move || child.wait());
        ended.await.unwrap().unwrap().success()
    }

    /// Runs it, and waits until it takes requests.
    pub(crate) async fn start(&mut self) {
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            let gone = match &mut self.child {
                None => true,
                // The server stops without a database to start with.
                Some(child) => child.try_wait().unwrap().is_some(),
            };
            if gone {
                self.child = Some(self.spawn());
            }
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))
                .await
                .is_ok()
            {
                return;
            }
            assert!(Instant::now() < deadline, "the server does not start");
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn program(&self) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_matrix-support-chat"));
        program
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        program
    }

    /// Runs another command of the program with the same configuration, and returns what it prints.
    pub(crate) async fn command(&self, arguments: &[&str]) -> String {
        let mut program = self.program();
        program.args(arguments);
        let output = spawn_blocking(move || program.output());
        let output = output.await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    }

    fn spawn(&self) -> Child {
        self.program()
            .stdout(self.log.try_clone().unwrap())
            .stderr(self.log.try_clone().unwrap())
            .spawn()
            .unwrap()
    }

    /// SIGSTOP: it holds what it holds, and does nothing.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("a server that runs");
        kill_process(Pid::from_child(child), signal).unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port below those that outgoing connections get, one of which could take the port of a server
/// that is down.
fn free_port() -> u16 {
    let mut rng = rand::rng();
    loop {
        let port = rng.random_range(20_000..30_000);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
