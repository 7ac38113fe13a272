//! The bot's log-in, which all servers of a database share.

use std::time::{Duration, Instant};

use matrix_sdk::{
    Client, SessionMeta, SessionTokens,
    authentication::matrix::MatrixSession,
    ruma::{
        api::{MatrixVersion, client::account::whoami},
        owned_device_id,
    },
    store::RoomLoadSettings,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::time;

use super::{MatrixError, REQUEST_TIMEOUT, SdkConnection, request_config};
use crate::{config::BotCredentials, matrix::token_encryption, storage::bot_log_in};

/// How long the other servers wait for the token during a login.
const LOG_IN_TIMEOUT: Duration = Duration::from_secs(12);
/// The device of the bot's logins, always the same: transaction ids count per device.
const DEVICE_NAME: &str = "matrix-support-chat";

impl SdkConnection {
    /// The client, with the bot logged in.
    pub(super) async fn client(&self) -> Result<Client, MatrixError> {
        // Held during the login, so that several tasks share one.
        let mut slot = self.client.lock().await;
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let asked = Instant::now();
        let result = self.log_in().await;
        self.count("log_in", asked, &result);
        let client = result.map_err(|error| MatrixError::LogIn(Box::new(error)))?;
        *slot = Some(client.clone());
        Ok(client)
    }

    async fn log_in(&self) -> Result<Client, MatrixError> {
        let client = match &self.config.credentials {
            BotCredentials::Password(password) => {
                time::timeout(LOG_IN_TIMEOUT, self.share_log_in(password))
                    .await
                    .map_err(|_| MatrixError::TooSlow)??
            }
            BotCredentials::AccessToken(token) => self.use_token(token).await?,
        };
        tracing::info!(bot = %self.config.bot, "connected to the homeserver");
        Ok(client)
    }

    /// Uses the login of another server, and logs in with the password if there is none. A login ends the previous one
    /// on the same device, so all servers have to share one.
    async fn share_log_in(&self, password: &SecretString) -> Result<Client, MatrixError> {
        let bot = self.config.bot.as_str();
        let mut tx = self.pool.begin().await?;
        if let Some(sealed) = bot_log_in::lock(&mut tx, bot).await?
            && let Some(token) = token_encryption::open(&sealed, password, bot)
        {
            match self.use_token(&token).await {
                Err(error) if error.is_unauthorized() => {}
                result => return result,
            }
        }
        let client = self.build_client().await?;
        client
            .matrix_auth()
            .login_username(&self.config.bot, password.expose_secret())
            .device_id(DEVICE_NAME)
            .initial_device_display_name(DEVICE_NAME)
            .send()
            .await?;
        let sealed = client
            .access_token()
            .and_then(|token| token_encryption::seal(&token, password, bot));
        if let Some(sealed) = sealed {
            bot_log_in::store(&mut tx, bot, &sealed).await?;
        }
        tx.commit().await?;
        Ok(client)
    }

    /// Uses a token if it is valid and the bot's.
    async fn use_token(&self, token: &SecretString) -> Result<Client, MatrixError> {
        let client = self.build_client().await?;
        let session = MatrixSession {
            meta: SessionMeta {
                user_id: self.config.bot.clone(),
                // Only end-to-end encryption would need this.
                device_id: owned_device_id!("UNUSED"),
            },
            tokens: SessionTokens {
                access_token: token.expose_secret().to_owned(),
                refresh_token: None,
            },
        };
        client
            .matrix_auth()
            .restore_session(session, RoomLoadSettings::default())
            .await?;
        let whoami = client.send(whoami::v3::Request::new()).await?;
        if whoami.user_id != self.config.bot {
            return Err(MatrixError::NotTheBot(whoami.user_id));
        }
        if whoami.device_id.is_none() {
            tracing::warn!(
                "the access token belongs to no device: the homeserver remembers its transactions \
                 only until it restarts, so use a token from a log-in"
            );
        }
        Ok(client)
    }

    async fn build_client(&self) -> Result<Client, MatrixError> {
        let client = Client::builder()
            .homeserver_url(&self.config.homeserver_url)
            // This saves the request with which the client would ask.
            .server_versions([MatrixVersion::V1_1, MatrixVersion::V1_11])
            // The configured address is used, and not the public one in the answer to a login.
            .respect_login_well_known(false)
            .request_config(request_config(REQUEST_TIMEOUT))
            .build()
            .await
            .map_err(Box::new)?;
        Ok(client)
    }
}
