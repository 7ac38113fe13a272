//! A bot and its staff.

use super::*;

/// A support team for one test: bot, alice and bob.
pub(crate) struct Team {
    pub(crate) admin: Account,
    pub(crate) bot: Account,
    pub(crate) alice: Account,
    pub(crate) bob: Account,
}

impl Team {
    pub(crate) async fn new() -> Self {
        Self::at(&Site::usual()).await
    }

    pub(crate) async fn at(site: &Site) -> Self {
        let bot = Account::register_as(site, "bot", false).await;
        let admin = Account::register_as(site, "admin", true).await;
        let team = Self {
            admin,
            bot,
            alice: Account::register_as(site, "alice", false).await,
            bob: Account::register_as(site, "bob", false).await,
        };
        // Like a deployment: only the bot is exempt from the limits on people.
        team.lift_limits_of(&team.bot).await;
        team
    }

    /// Exempts an account from the limits.
    pub(crate) async fn lift_limits_of(&self, account: &Account) {
        let lift = request::admin::lift_limits(&account.user_id);
        self.admin.must(lift).await;
    }

    pub(crate) fn config(&self, pool: &PgPool, extra: &[(&str, &str)]) -> Config {
        let staff = format!("{},{}", self.alice.user_id, self.bob.user_id);
        let url = self.bot.client.homeserver();
        let mut vars = vec![
            ("MATRIX_HOMESERVER_URL", url),
            ("MATRIX_SUPPORT_BOT_MXID", self.bot.user_id.as_str()),
            (
                "MATRIX_SUPPORT_BOT_ACCESS_TOKEN",
                self.bot.access_token.as_str(),
            ),
            ("MATRIX_SUPPORT_STAFF_MXIDS", staff.as_str()),
            ("MATRIX_SUPPORT_DESK", "on"),
        ];
        vars.extend_from_slice(extra);
        common::config(pool, &vars)
    }

    /// A server whose answers must never contain anything of Matrix.
    pub(crate) async fn serve(&self, pool: &PgPool, extra: &[(&str, &str)]) -> TestApp {
        let mut app = TestApp::spawn(self.config(pool, extra)).await;
        Record::of(&mut app).await;
        app
    }

    /// A server that reaches the homeserver through a gateway, which counts its requests; the desk is off, since its
    /// requests would be among them.
    pub(crate) async fn serve_through(&self, pool: &PgPool, url: &str) -> TestApp {
        let vars = [
            ("MATRIX_HOMESERVER_URL", url),
            ("MATRIX_SUPPORT_DESK", "off"),
        ];
        self.serve(pool, &vars).await
    }
}
