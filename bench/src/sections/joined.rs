//! Measures whether the number of the bot's rooms makes a reply more expensive or the start slower,
//! by comparing a bot in few rooms with one in many.

use std::time::{Duration, Instant};

use matrix_client::request;
use sqlx::postgres::PgListener;
use tokio::{process::Command, time};
use uuid::Uuid;

use crate::{
    Account, Result, Setup,
    load::number,
    load::visitor::{Visitor, until_relayed},
    report::rounds::{Side, alternate, median, medians},
    report::{Goal, Report},
    system::matrix::{Matrix, PATIENCE},
    system::server::{Database, Server},
    system::usage::Usage,
};

/// The rooms in which staff write.
const FEW: usize = 10;
/// Messages of the staff in a round, each sent after the previous one was stored.
const REPLIES: usize = 20;
/// How long a first sync may take, in which Synapse reads every room.
const FIRST_SYNC: Duration = Duration::from_mins(10);

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let admin = Matrix::login(setup, &setup.admin).await?;
    let staff = Matrix::login(setup, &setup.staff).await?;
    admin.lift_limits(&staff.mxid).await?;
    let many = Relay::make(setup, "many", &admin, &staff).await?;
    many.fill(setup).await?;
    // This comes second, so that it shows whether Synapse still makes rooms.
    let few = Relay::make(setup, "few", &admin, &staff).await?;

    let rounds = alternate(setup, async |side| match side {
        Side::Measured => many.round(setup, &staff).await,
        Side::Limit => few.round(setup, &staff).await,
    })
    .await?;
    report.costs.reply = rounds.1.last().map(|round| round.reply);
    let rooms = setup.many_rooms;
    let limit = format!("{FEW} rooms");
    report.compare(
        &format!("growth: a staff message with {rooms} rooms joined, the server's processor time"),
        medians(&rounds, |round| round.reply.server * 1e3),
        " ms",
        &limit,
        Goal::AtMost(1.5),
    );
    report.compare(
        &format!("growth: a staff message with {rooms} rooms joined, Synapse's processor time"),
        medians(&rounds, |round| round.reply.synapse * 1e3),
        " ms",
        &limit,
        Goal::None,
    );
    report.bound(
        &format!("start again after an outage, to ready, with {rooms} rooms joined"),
        median(rounds.0.iter().map(|round| round.ready)),
        " s",
        10.0,
    );
    let restarted = Database::make(setup, "bench_joined_restarted").await?;
    let began = Instant::now();
    let server = Server::start(setup, &restarted, Some(&many.bot)).await?;
    server.ready(FIRST_SYNC).await?;
    report.bound(
        &format!("start on an empty database, to ready, with {rooms} rooms joined"),
        began.elapsed().as_secs_f64(),
        " s",
        10.0,
    );
    server.stop().await
}

/// A bot, its servers' database, and the rooms in which staff write.
struct Relay {
    bot: Matrix,
    database: Database,
    rooms: Vec<String>,
    /// A room that staff are invited to and have not joined.
    template: String,
}

/// The result of a round.
struct Round {
    /// Seconds from the start to ready.
    ready: f64,
    /// The cost of one message of the staff.
    reply: Usage,
}

impl Relay {
    async fn make(setup: &Setup, name: &str, admin: &Matrix, staff: &Matrix) -> Result<Self> {
        let (_, homeserver) = admin.mxid.split_once(':').ok_or("no Matrix id")?;
        let account = Account {
            mxid: format!("@bench-{name}:{homeserver}"),
            password: Uuid::new_v4().to_string(),
        };
        admin.make_account(&account).await?;
        let bot = Matrix::login(setup, &account).await?;
        let database = Database::make(setup, &format!("bench_joined_{name}")).await?;
        let server = Server::start(setup, &database, Some(&bot)).await?;
        let mut rooms = Vec::new();
        for _ in 0..FEW - 1 {
            let visitor = Visitor::begin(&server, &database).await?;
            staff.join(&visitor.room_id).await?;
            rooms.push(visitor.room_id);
        }
        let template = Visitor::begin(&server, &database).await?.room_id;
        until_relayed(&database).await?;
        server.stop().await?;
        Ok(Self {
            bot,
            database,
            rooms,
            template,
        })
    }

    /// Joins the bot to many more rooms, like those of conversations that ended long ago.
    async fn fill(&self, setup: &Setup) -> Result<()> {
        let began = Instant::now();
        let cloned = Command::new(&setup.parts_control)
            .args(["synapse", "clone", &self.template])
            .arg(setup.many_rooms.saturating_sub(FEW).to_string())
            .status()
            .await?;
        if !cloned.success() {
            return Err("the room could not be cloned".into());
        }
        let mut answer = self.bot.send(&request::joined_rooms()).await?;
        let joined: Vec<String> = serde_json::from_value(answer["joined_rooms"].take())?;
        if joined.len() != setup.many_rooms {
            return Err(format!("the bot is in {} rooms", joined.len()).into());
        }
        sqlx::query(
            "INSERT INTO sessions (id, room_id) SELECT gen_random_uuid(), unnest($1)
             ON CONFLICT DO NOTHING",
        )
        .bind(&joined)
        .execute(&self.database.pool)
        .await?;
        // The database is filled as if the relay had heard of the rooms one after the other.
        let since = self.bot.position().await?;
        sqlx::query("UPDATE sync_position SET since = $1")
            .bind(since)
            .execute(&self.database.pool)
            .await?;
        // A clone is an ordinary room.
        for room_id in joined.iter().take(3) {
            self.bot.say(room_id, "Hello").await?;
        }
        let took = began.elapsed().as_secs();
        println!("{} rooms made in {took} s", joined.len());
        Ok(())
    }

    /// A start as after an outage, whose last sync is too old to count; then messages of the staff.
    async fn round(&self, setup: &Setup, staff: &Matrix) -> Result<Round> {
        sqlx::query("UPDATE sync_position SET synced_at = now() - interval '1 hour'")
            .execute(&self.database.pool)
            .await?;
        let began = Instant::now();
        let server = Server::start(setup, &self.database, Some(&self.bot)).await?;
        server.ready(PATIENCE).await?;
        let ready = began.elapsed().as_secs_f64();
        let mut changes = self.database.changes().await?;
        // By then the server has finished starting.
        self.reply(staff, 0, &mut changes).await?;
        let before = Usage::now(setup, &server)?;
        for n in 0..REPLIES {
            self.reply(staff, n, &mut changes).await?;
        }
        let reply = (Usage::now(setup, &server)? - before).per(number(REPLIES));
        server.stop().await?;
        Ok(Round { ready, reply })
    }

    /// Sends a message of the staff to one of the rooms, and waits until it is stored.
    async fn reply(&self, staff: &Matrix, n: usize, changes: &mut PgListener) -> Result<()> {
        let text = Uuid::new_v4().to_string();
        staff.say(&self.rooms[n % self.rooms.len()], &text).await?;
        while !sqlx::query_scalar("SELECT EXISTS (SELECT FROM messages WHERE body = $1)")
            .bind(&text)
            .fetch_one(&self.database.pool)
            .await?
        {
            let change = time::timeout(PATIENCE, changes.recv()).await;
            change.map_err(|_| "a reply was not taken in")??;
        }
        Ok(())
    }
}
