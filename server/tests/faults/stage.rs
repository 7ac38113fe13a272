//! The environment of one scenario: a database, accounts, a proxy and its own servers.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rand::{SeedableRng, rngs::StdRng};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::time::{Instant, sleep};
use url::Url;
use uuid::Uuid;

use crate::{
    api::{Api, Conversation, Entry},
    clock,
    database::database,
    homeserver::{self, Account},
    line::Line,
    oracle::{Verdict, Witnesses},
    parts,
    proxy::Proxy,
    replies::{CANNED_REPLIES, Replies},
    server::Server,
    workload::{Cast, Workload},
};

/// How the bot proves itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials {
    /// The server logs in again at each start.
    Password,
    /// One token for several servers.
    Token,
}

/// What is different in a scenario from most.
#[derive(Default)]
pub(crate) struct Setting<'a> {
    /// Configured staff besides the first.
    pub(crate) more_staff: &'a [Arc<Account>],
    /// Configured ids of nobody who could take part.
    pub(crate) more_ids: &'a [&'a str],
    /// The servers reach Postgres over a line that can go dead.
    pub(crate) line: bool,
    /// The servers' clock can be set.
    pub(crate) clocks: bool,
    /// Variables of the servers.
    pub(crate) variables: &'a [(&'static str, &'static str)],
}

pub(crate) struct Stage {
    name: &'static str,
    seed: u64,
    started: Instant,
    /// The database's address.
    pub(crate) database: String,
    pub(crate) pool: PgPool,
    pub(crate) bot: Account,
    pub(crate) staff: Arc<Account>,
    /// Everybody who may be in a conversation's room with the bot.
    pub(crate) everybody: Vec<Arc<Account>>,
    pub(crate) proxy: Proxy,
    /// Only if the setting asks for one.
    pub(crate) line: Option<Line>,
    pub(crate) servers: Vec<Server>,
    pub(crate) api: Api,
    pub(crate) replies: Arc<Replies>,
    /// Rooms that the bot is in, and that are no conversation.
    pub(crate) foreign_rooms: Vec<String>,
    /// Rooms that the bot was put out of, with their sessions.
    pub(crate) put_out: Vec<(String, String)>,
    /// Whether visitors end some of their conversations.
    pub(crate) visitors_close: bool,
    pub(crate) rng: StdRng,
}

impl Stage {
    /// Sets the scene as most scenarios need it, and starts the servers.
    pub(crate) async fn set(name: &'static str, servers: usize, credentials: Credentials) -> Self {
        let admin = Account::admin().await;
        Self::set_so(name, servers, credentials, &admin, Setting::default()).await
    }

    /// Sets the scene, and starts the servers.
    pub(crate) async fn set_so(
        name: &'static str,
        servers: usize,
        credentials: Credentials,
        admin: &Account,
        setting: Setting<'_>,
    ) -> Self {
        let seed = parts::seed();
        println!("{name}: FAULT_SEED={seed}");
        let database = database(name).await;
        let bot = Account::unlimited("bot", admin).await;
        let staff = Arc::new(Account::unlimited("alice", admin).await);
        let colleague = Arc::new(Account::unlimited("bob", admin).await);
        let proxy = Proxy::start(&homeserver::url(), seed).await;
        let credential = match credentials {
            Credentials::Password => ("MATRIX_SUPPORT_BOT_PASSWORD", bot.password.clone()),
            Credentials::Token => ("MATRIX_SUPPORT_BOT_ACCESS_TOKEN", bot.access_token.clone()),
        };
        let mut servers_database = Url::parse(database.as_str()).unwrap();
        let mut line = None;
        if setting.line {
            let host = servers_database.host_str().unwrap();
            let postgres = SocketAddr::new(host.parse().unwrap(), servers_database.port().unwrap());
            let started = Line::start(postgres).await;
            servers_database.set_port(Some(started.port())).unwrap();
            line = Some(started);
        }
        let mut staff_ids = vec![staff.user_id.as_str()];
        staff_ids.extend(setting.more_staff.iter().map(|it| it.user_id.as_str()));
        staff_ids.extend(setting.more_ids);
        let mut variables = vec![
            ("MATRIX_HOMESERVER_URL", proxy.url()),
            ("MATRIX_SUPPORT_BOT_MXID", bot.user_id.clone()),
            ("MATRIX_SUPPORT_STAFF_MXIDS", staff_ids.join(",")),
            credential,
            (
                "SUPPORT_CHAT_ALLOWED_ORIGINS",
                "http://localhost".to_owned(),
            ),
        ];
        variables.push(("SUPPORT_CHAT_CANNED_REPLIES", CANNED_REPLIES.clone()));
        if setting.clocks {
            variables.extend(clock::variables());
        }
        for limit in LIMITS {
            variables.push((limit, "0".to_owned()));
        }
        // The later one counts.
        let more = setting.variables.iter();
        variables.extend(more.map(|(name, value)| (*name, (*value).to_owned())));
        let mut started = Vec::new();
        for number in 0..servers {
            let mut variables = variables.clone();
            // By its name, Postgres tells which of them holds a lock.
            servers_database.set_query(Some(&format!("application_name={number}")));
            variables.push(("DATABASE_URL", servers_database.to_string()));
            let mut server = Server::new(&format!("{name}-{number}"), variables);
            server.start().await;
            started.push(server);
        }
        let mut everybody = vec![staff.clone(), colleague];
        everybody.extend_from_slice(setting.more_staff);
        let stage = Self {
            name,
            seed,
            started: Instant::now(),
            pool: PgPoolOptions::new()
                // Of the connections that Postgres has, most are for the servers.
                .max_connections(6)
                .acquire_timeout(Duration::from_secs(5))
                .connect_lazy(&database)
                .unwrap(),
            bot,
            staff,
            everybody,
            database,
            proxy,
            line,
            api: Api::new(started.iter().map(Server::url).collect()),
            servers: started,
            replies: Arc::default(),
            foreign_rooms: Vec::new(),
            put_out: Vec::new(),
            visitors_close: true,
            rng: StdRng::seed_from_u64(seed),
        };
        stage.desk_is_there().await;
        stage
    }

    /// Waits for the desk before faults begin. If the homeserver's answer about it is lost, the
    /// servers wait up to ten minutes before they ask again, which is longer than any scenario.
    async fn desk_is_there(&self) {
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            let is_there = sqlx::query_scalar("SELECT EXISTS (SELECT FROM desk_rooms)")
                .fetch_one(&self.pool)
                .await;
            match is_there {
                Ok(true) => return,
                // Another scenario may have killed Postgres.
                other => assert!(
                    Instant::now() < deadline,
                    "{}: no desk: {other:?}",
                    self.name
                ),
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Fails if the scenario takes longer than faults can delay it.
    pub(crate) fn check_time(&self) {
        let limit = parts::PATIENCE * parts::scale();
        assert!(self.started.elapsed() < limit, "too few faults");
    }

    /// Visitors and staff begin.
    pub(crate) fn open(&self, visitors: u64) -> Workload {
        let cast = Cast {
            api: self.api.clone(),
            pool: self.pool.clone(),
            staff: self.staff.clone(),
            colleague: self.everybody[1].clone(),
            replies: self.replies.clone(),
            close: self.visitors_close,
        };
        Workload::start(visitors, &cast, self.seed)
    }

    /// When everything is running again, lets visitors and staff finish, and then checks the
    /// result.
    pub(crate) async fn close(&mut self, workload: Workload, faults: &str) -> Verdict {
        let conversations = self.let_finish(workload).await;
        self.judge(conversations, faults).await
    }

    /// Lets visitors and staff finish.
    pub(crate) async fn let_finish(&self, mut workload: Workload) -> Vec<Conversation> {
        let conversations = workload.visitors_leave().await;
        // Now every room is there, and every invitation.
        self.outbox_is_empty().await;
        workload.staff_leave().await;
        conversations
    }

    /// Waits until nothing is under way, and judges.
    pub(crate) async fn judge(
        &mut self,
        mut conversations: Vec<Conversation>,
        faults: &str,
    ) -> Verdict {
        self.outbox_is_empty().await;
        self.staff_are_invited().await;
        // A room that nobody has joined shows nobody anything.
        self.staff.join_all().await;
        conversations.push(self.last_conversation().await);
        self.outbox_is_empty().await;
        self.desk_is_complete().await;
        for conversation in conversations.iter_mut().filter(|it| !it.closed) {
            self.api.poll_all(conversation).await;
        }
        let witnesses = Witnesses {
            bot: &self.bot,
            staff: &self.everybody,
            replies: &self.replies,
            put_out: &self.put_out,
        };
        let mut verdict = witnesses.judge(&conversations).await;
        verdict
            .extra_rooms
            .retain(|room_id| !self.foreign_rooms.contains(room_id));
        self.report(&verdict, faults);
        verdict
    }

    /// Waits until somebody of the staff is invited wherever somebody is to be.
    async fn staff_are_invited(&self) {
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            let without: Result<i64, _> = sqlx::query_scalar(
                "SELECT count(*) FROM (
                     SELECT FROM staff_members GROUP BY session_id
                     HAVING bool_or(membership = 'wanted')
                        AND NOT bool_or(membership IN ('invited', 'joined'))
                 ) conversation",
            )
            .fetch_one(&self.pool)
            .await;
            if matches!(without, Ok(0)) {
                return;
            }
            let name = self.name;
            assert!(
                Instant::now() < deadline,
                "{name}: nobody is invited: {without:?}"
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until the desk has a line for each conversation, and nothing more to say.
    async fn desk_is_complete(&self) {
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            let lacking: Result<i64, _> = sqlx::query_scalar(
                "SELECT (SELECT count(*) FROM desk_messages) + (
                     SELECT count(*) FROM sessions WHERE room_id IS NOT NULL AND NOT EXISTS (
                         SELECT FROM desk_lines WHERE session_id = id AND event_id IS NOT NULL
                     )
                 )",
            )
            .fetch_one(&self.pool)
            .await;
            if matches!(lacking, Ok(0)) {
                return;
            }
            let name = self.name;
            assert!(
                Instant::now() < deadline,
                "{name}: the desk lacks {lacking:?}"
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn outbox_is_empty(&self) {
        let deadline = Instant::now() + parts::PATIENCE;
        loop {
            let waiting: Result<i64, _> = sqlx::query_scalar("SELECT count(*) FROM outbox")
                .fetch_one(&self.pool)
                .await;
            if matches!(waiting, Ok(0)) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{}: not all is delivered: {waiting:?}",
                self.name
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// A conversation whose reply is the last event of all: when it is shown, the sync has passed
    /// everything that came before.
    async fn last_conversation(&self) -> Conversation {
        let mut conversation = self.api.create("the last").await;
        let room_id = self.wait_for_room(&conversation).await;
        self.staff.join(&room_id).await;
        self.reply(&room_id, "the last reply").await;
        self.wait_for_reply(&mut conversation).await;
        conversation
    }

    pub(crate) async fn reply(&self, room_id: &str, text: &str) {
        let sent = self.replies.send(&self.staff, room_id, text.to_owned());
        assert!(sent.await, "{}: no room {room_id}", self.name);
    }

    /// Polls until something of the staff's is shown.
    pub(crate) async fn wait_for_reply(&self, conversation: &mut Conversation) {
        self.wait_for(conversation, |entry| entry.sender == "staff")
            .await;
    }

    /// Polls until this text is shown.
    pub(crate) async fn wait_for_text(&self, conversation: &mut Conversation, text: &str) {
        self.wait_for(conversation, |entry| entry.body == text)
            .await;
    }

    async fn wait_for(&self, conversation: &mut Conversation, wanted: impl Fn(&Entry) -> bool) {
        let deadline = Instant::now() + parts::PATIENCE;
        while !conversation.seen.iter().any(&wanted) {
            let name = self.name;
            assert!(Instant::now() < deadline, "{name}: no reply is shown");
            self.api.poll(conversation).await;
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Which of the servers follows the homeserver.
    pub(crate) async fn leader(&self) -> usize {
        let name: String = sqlx::query_scalar(
            "SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
             WHERE locktype = 'advisory' AND granted AND objsubid = 1
               AND pg_stat_activity.datname = current_database()",
        )
        .fetch_one(&self.pool)
        .await
        .unwrap();
        name.parse().expect("a server's number")
    }

    /// Waits until the servers have an answer to their sync.
    pub(crate) async fn synced(&self) {
        let deadline = Instant::now() + parts::PATIENCE;
        while sqlx::query_scalar("SELECT synced_at IS NULL FROM sync_position")
            .fetch_one(&self.pool)
            .await
            .unwrap_or(true)
        {
            assert!(Instant::now() < deadline, "{}: no sync", self.name);
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until a conversation has a room, whatever happens in others; returns the room.
    pub(crate) async fn wait_for_room(&self, conversation: &Conversation) -> String {
        let deadline = Instant::now() + parts::PATIENCE;
        let id: Uuid = conversation.session_id.parse().unwrap();
        loop {
            let room = sqlx::query_scalar("SELECT room_id FROM sessions WHERE id = $1")
                .bind(id)
                .fetch_one(&self.pool)
                .await;
            match room {
                Ok(Some(room_id)) => return room_id,
                // Another scenario may have killed Postgres.
                other => assert!(Instant::now() < deadline, "{}: {other:?}", self.name),
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The room that names this conversation.
    pub(crate) async fn room_with(&self, conversation: &Conversation) -> Option<String> {
        for room_id in self.bot.joined_rooms().await {
            let session = self.bot.session_of(&room_id).await;
            if session.as_ref() == Some(&conversation.session_id) {
                return Some(room_id);
            }
        }
        None
    }

    fn report(&self, verdict: &Verdict, faults: &str) {
        let Self { name, seed, .. } = self;
        let took = self.started.elapsed().as_secs();
        println!(
            "\n{name} (FAULT_SEED={seed}, {took} s)\n\
             | scenario | faults | sessions (closed) | visitor texts | staff texts | lost | doubled | out of order | unpromised | stale | undelivered | extra rooms |\n\
             | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n\
             | {name} | {faults} | {} ({}) | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            verdict.sessions,
            verdict.closed,
            verdict.visitor_texts,
            verdict.staff_texts,
            verdict.lost(),
            verdict.doubled(),
            verdict.out_of_order(),
            verdict.unpromised(),
            verdict.stale.len(),
            verdict.undelivered.len(),
            verdict.extra_rooms.len(),
        );
    }
}

/// The limits are off, since all visitors of a scenario come from one address.
const LIMITS: [&str; 4] = [
    "SUPPORT_CHAT_SESSIONS_PER_IP_PER_HOUR",
    "SUPPORT_CHAT_SESSIONS_PER_HOUR",
    "SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE",
    "SUPPORT_CHAT_REQUESTS_PER_IP_PER_MINUTE",
];
