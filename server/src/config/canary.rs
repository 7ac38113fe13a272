//! The configuration of the canary, which runs on its own and possibly elsewhere. It needs none of the server's
//! secrets.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use secrecy::SecretString;
use url::Url;

use super::{ConfigError, Env, Log, matrix};

const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// Both ends of the canary's conversation.
#[derive(Clone, Debug)]
pub struct Canary {
    /// Where the public API is, as visitors reach it.
    pub chat_url: Url,
    /// The base URL of the client-server API.
    pub homeserver_url: Url,
    /// The access token of the account that represents the staff.
    pub access_token: SecretString,
    /// The file in which it remembers its conversation.
    pub state: PathBuf,
    /// The file of metrics for `node_exporter`.
    pub textfile: Option<PathBuf>,
    /// How long one text may take in each direction.
    pub timeout: Duration,
    /// Which events are logged, and in what format.
    pub log: Log,
}

impl Canary {
    /// Reads the configuration from variables, and reports every mistake.
    pub fn from_vars(vars: BTreeMap<String, String>) -> Result<Self, Vec<ConfigError>> {
        let mut env = Env::new(vars);
        let config = Self::read(&mut env);
        let errors = env.finish();
        config.filter(|_| errors.is_empty()).ok_or(errors)
    }

    fn read(env: &mut Env) -> Option<Self> {
        const TOKEN: &str = "MATRIX_SUPPORT_CANARY_ACCESS_TOKEN";
        let chat_url = matrix::read_base_url(env, "SUPPORT_CHAT_CANARY_URL");
        let homeserver_url = matrix::read_base_url(env, "MATRIX_HOMESERVER_URL");
        if !env.is_given(TOKEN) {
            env.error(TOKEN, "is required");
        }
        let access_token = env.secret(TOKEN);
        let state = env.required("SUPPORT_CHAT_CANARY_STATE");
        let textfile = env.text("SUPPORT_CHAT_CANARY_TEXTFILE");
        let timeout = env.parse_or(
            "SUPPORT_CHAT_CANARY_TIMEOUT",
            humantime::Duration::from(DEFAULT_TIMEOUT),
        );
        let log = Log::read(env);
        Some(Self {
            chat_url: chat_url?,
            homeserver_url: homeserver_url?,
            access_token: access_token?,
            state: state?.into(),
            textfile: textfile.map(PathBuf::from),
            timeout: *timeout?,
            log: log?,
        })
    }
}
