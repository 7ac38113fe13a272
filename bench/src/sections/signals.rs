//! The cost of receipts and typing for the homeserver. Staff type, answer and read, in
//! conversations whose visitor is present and does the same, and in others whose visitor has gone,
//! for which the bot neither requests nor sends any signals.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time};
use uuid::Uuid;

use crate::{
    Result, Setup,
    load::visitor::Visitor,
    load::{all, number, until},
    report::rounds::{Side, alternate, medians},
    report::{Goal, Report},
    system::matrix::{Matrix, PATIENCE},
    system::server::{Database, Server},
    system::usage::Usage,
};

/// The number of answers in each conversation and round.
const ANSWERS: usize = 3;
/// The time between them. The homeserver is told at most once in 3 s what is typed and read in a
/// conversation.
const APART: Duration = Duration::from_secs(4);
/// How long after the last answer every signal was sent, and the bot's typing has ended.
const SETTLED: Duration = Duration::from_secs(6);
/// How long after a visitor's last request their presence is recorded.
const RECORDED: Duration = Duration::from_secs(25);

pub(crate) async fn measure(
    setup: &Setup,
    (server, database): (&Server, &Database),
    staff: &Matrix,
    visitors: &[Visitor],
    report: &mut Report,
) -> Result<()> {
    let admin = Matrix::login(setup, &setup.admin).await?;
    admin.lift_limits(&staff.mxid).await?;
    let (there, gone) = visitors.split_at(visitors.len() / 2);
    leave(gone, database).await?;
    let count = there.len() * ANSWERS;
    let rounds = alternate(setup, async |side| {
        let visitors = match side {
            Side::Measured => there,
            Side::Limit => &gone[..there.len()],
        };
        let stored = stored(database).await?;
        let before = Usage::now(setup, server)?;
        let mut tasks = JoinSet::new();
        for visitor in visitors {
            let (staff, mut visitor) = (staff.clone(), visitor.clone());
            tasks.spawn(async move {
                let mut turns = time::interval(APART);
                for _ in 0..ANSWERS {
                    turns.tick().await;
                    answer(side, &staff, &mut visitor).await?;
                }
                Ok(())
            });
        }
        all(tasks).await?;
        let wanted = stored + i64::try_from(count)?;
        until(PATIENCE, "the answers to be stored", async || {
            Ok((self::stored(database).await? >= wanted).then_some(()))
        })
        .await?;
        time::sleep(SETTLED).await;
        Ok((Usage::now(setup, server)? - before).per(number(count)))
    })
    .await?;
    report.compare(
        "signals: an answer of staff who type and read, to a visitor who is there, Synapse's processor time",
        medians(&rounds, |used| used.synapse * 1e3),
        " ms",
        "to one who has gone",
        Goal::None,
    );
    Ok(())
}

/// These visitors have been gone for an hour. During the warm-up round, staff are told so once.
async fn leave(visitors: &[Visitor], database: &Database) -> Result<()> {
    time::sleep(RECORDED).await;
    let rooms: Vec<_> = visitors.iter().map(|it| it.room_id.clone()).collect();
    let gone = "UPDATE sessions SET seen_at = NULL, created_at = created_at - interval '1 hour' WHERE room_id = ANY($1)";
    sqlx::query(gone)
        .bind(rooms)
        .execute(&database.pool)
        .await?;
    Ok(())
}

/// Staff type, answer and read, and so do the visitors who are present.
async fn answer(side: Side, staff: &Matrix, visitor: &mut Visitor) -> Result<()> {
    let room_id = visitor.room_id.clone();
    if side == Side::Measured {
        visitor.type_something().await?;
    }
    let typing = format!("/rooms/{room_id}/typing/{}", staff.mxid);
    let is_typing = json!({"typing": true, "timeout": 5_000});
    staff.ask(Method::PUT, &typing, &is_typing).await?;
    let text = Uuid::new_v4();
    let send = format!("/rooms/{room_id}/send/m.room.message/{text}");
    let content = json!({"msgtype": "m.text", "body": text.to_string()});
    let answered = staff.ask(Method::PUT, &send, &content).await?;
    let event_id = answered["event_id"].as_str().ok_or("no event id")?;
    let stops = json!({"typing": false});
    staff.ask(Method::PUT, &typing, &stops).await?;
    let read = format!("/rooms/{room_id}/receipt/m.read/{event_id}");
    staff
        .ask(Method::POST, &read, &Value::Object(serde_json::Map::new()))
        .await?;
    if side == Side::Measured {
        visitor.see(&text.to_string()).await?;
        visitor.read_all().await?;
    }
    Ok(())
}

async fn stored(database: &Database) -> Result<i64> {
    let staff = "SELECT count(*) FROM messages WHERE sender = 'staff'";
    Ok(sqlx::query_scalar(staff).fetch_one(&database.pool).await?)
}
