//! A Postfix for the tests, with TLS, authentication, and a Maildir. It is Debian's with a
//! configuration of its own, and does not affect the system's own mail server.

use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;

use rustix::process::Signal;

use crate::apt;
use crate::prelude::*;
use crate::service::Service;

const MASTER: &str = "/usr/lib/postfix/sbin/master";
const PACKAGES: &str = "libsasl2-modules openssl postfix sasl2-bin";
const USER: &str = "support";

/// A running mail server. The fields are dropped in this order.
pub(crate) struct MailServer {
    _postfix: Service,
    dir: tempfile::TempDir,
    /// How mails are sent to it, with TLS from the beginning.
    pub(crate) url: String,
}

impl MailServer {
    /// The Maildir of accepted mails.
    pub(crate) fn maildir(&self) -> PathBuf {
        self.dir.path().join("mailboxes/all")
    }

    /// The certificate that clients have to trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }
}

/// Starts a mail server. Returns `None` if it cannot run, which in CI is a failure.
pub(crate) fn start(layout: &Layout, run_dir: &Path, port: u16) -> Result<Option<MailServer>> {
    let is_there = || {
        let programs = ["openssl", "postfix", "saslpasswd2"];
        let all = programs.iter().all(|program| find(program).is_some());
        (all && Path::new(MASTER).is_file() && rustix::process::geteuid().is_root()).then_some(())
    };
    // Installing Postfix would remove another mail server.
    let may_install = std::env::var_os("CI").is_some() || find("sendmail").is_none();
    let found = if may_install {
        if is_there().is_none() && apt::is_possible() {
            configure_none(layout)?;
        }
        apt::find_or_install(layout, PACKAGES, is_there)?
    } else {
        is_there()
    };
    if found.is_none() {
        let missing =
            "no mail reaches a real mailbox: there is no Postfix, or nobody who may run it";
        if std::env::var_os("CI").is_some() {
            bail!("{missing}");
        }
        note(missing);
        return Ok(None);
    }
    step(format_args!("Postfix on port {port}"), || {
        run(layout, run_dir, port).map(Some)
    })
}

/// Without a configuration, the installation starts no mail server.
fn configure_none(layout: &Layout) -> Result<()> {
    let answers = layout.logs().join("postfix-debconf");
    fs::write(
        &answers,
        "postfix postfix/main_mailer_type select No configuration\n",
    )?;
    let log = layout.logs().join("postfix-debconf.log");
    run_logged(
        line("debconf-set-selections").arg(answers),
        "debconf-set-selections",
        &log,
    )
}

fn run(layout: &Layout, run_dir: &Path, port: u16) -> Result<MailServer> {
    // Postfix's own accounts have to reach the directory, so it cannot be private.
    let dir = tempfile::Builder::new()
        .prefix("support-chat-mail-")
        .tempdir()?;
    let path = dir.path();
    allow(path, 0o755)?;
    for name in ["queue", "data", "mailboxes", "sasl"] {
        fs::create_dir(path.join(name))?;
    }
    allow(&path.join("mailboxes"), 0o777)?;
    run_logged(
        line("chown postfix").arg(path.join("data")),
        "chown",
        &layout.logs().join("postfix-chown.log"),
    )?;
    let password = files::random_secret()?;
    make_certificate(layout, path)?;
    make_account(layout, path, &password)?;

    let at = path.display();
    let main = format!(
        "{}queue_directory = {at}/queue\ndata_directory = {at}/data\nmaillog_file = {at}/mail.log\n\
         maillog_file_prefixes = {at}\nvirtual_mailbox_base = {at}/mailboxes\n\
         smtpd_tls_cert_file = {at}/cert.pem\nsmtpd_tls_key_file = {at}/key.pem\n\
         cyrus_sasl_config_path = {at}/sasl\n",
        include_str!("mail_server/main.cf"),
    );
    fs::write(path.join("main.cf"), main)?;
    let master = format!(
        "127.0.0.1:{port} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n{}",
        include_str!("mail_server/master.cf"),
    );
    fs::write(path.join("master.cf"), master)?;
    let log = layout.logs().join("postfix-check.log");
    let postfix = find("postfix").context("there is no postfix")?;
    // This also creates what is missing in the queue.
    run_logged(
        command(postfix).arg("-c").arg(path).arg("check"),
        "postfix check",
        &log,
    )?;
    let mut postfix = command(MASTER);
    postfix.arg("-d").arg("-c").arg(path);
    let is_ready = move |_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    let log = layout.logs().join("postfix.log");
    let postfix = Service::start("Postfix", postfix, log, run_dir, Signal::TERM, is_ready)?;
    Ok(MailServer {
        _postfix: postfix,
        dir,
        url: format!("smtps://{USER}:{password}@localhost:{port}"),
    })
}

fn make_certificate(layout: &Layout, path: &Path) -> Result<()> {
    let mut openssl = line(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2 -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE",
    );
    openssl.arg("-keyout").arg(path.join("key.pem"));
    openssl.arg("-out").arg(path.join("cert.pem"));
    let log = layout.logs().join("postfix-openssl.log");
    run_logged(openssl, "openssl", &log)
}

fn make_account(layout: &Layout, path: &Path, password: &str) -> Result<()> {
    let accounts = path.join("sasldb2");
    let settings = format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {}\nmech_list: PLAIN LOGIN\n",
        accounts.display()
    );
    fs::write(path.join("sasl/smtpd.conf"), settings)?;
    // The program reads the password from its standard input.
    let secret = path.join("password");
    files::write_private(&secret, password)?;
    let mut saslpasswd2 = command(find("saslpasswd2").context("there is no saslpasswd2")?);
    saslpasswd2
        .args(["-p", "-c", "-u", "localhost", "-f"])
        .arg(&accounts)
        .arg(USER)
        .stdin(fs::File::open(secret)?.into_file());
    let log = layout.logs().join("postfix-account.log");
    run_logged(saslpasswd2, "saslpasswd2", &log)?;
    allow(&accounts, 0o644)
}

fn allow(path: &Path, mode: u32) -> Result<()> {
    Ok(fs::set_permissions(
        path,
        std::fs::Permissions::from_mode(mode),
    )?)
}

/// Finds a program, also in the directories that only administrators have on their path.
fn find(program: &str) -> Option<PathBuf> {
    which(program).ok().or_else(|| {
        let path = Path::new("/usr/sbin").join(program);
        path.is_file().then_some(path)
    })
}
