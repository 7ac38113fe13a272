//! The way to the room and back, against bare Matrix clients doing the same in the same rooms.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinSet, time};
use uuid::Uuid;

use crate::{
    Result, Setup,
    load::{all, number, per_second},
    matrix::{Matrix, until_seen},
    processes::Usage,
    report::{Goal, Report},
    rooms,
    rounds::{Side, alternate, median_ms, medians},
    server::{Database, Server},
    visitor::{Visitor, until_relayed},
};

const CONVERSATIONS: usize = 8;
/// Messages of each of them in a burst.
const BURST: usize = 15;
/// Messages whose way is timed one by one.
const SINGLES: usize = 20;

pub(crate) async fn measure(setup: &Setup, report: &mut Report) -> Result<()> {
    let database = Database::make(setup, "bench_relay").await?;
    let bot = Matrix::login(setup, &setup.bot).await?;
    let bare = Matrix::login(setup, &setup.bot).await?;
    let staff = Matrix::login(setup, &setup.staff).await?;
    let server = Server::start(setup, &database, Some(&bot)).await?;
    let mut visitors = Vec::new();
    for _ in 0..CONVERSATIONS {
        let visitor = Visitor::begin(&server, &database).await?;
        staff.join(&visitor.room_id).await?;
        visitors.push(visitor);
    }
    // What they missed is told to who joined; then it is quiet.
    until_relayed(&database).await?;
    let mut seen = staff.clone().follow();
    one_by_one(&mut visitors, &bare, &staff, &mut seen, report).await?;
    bursts(setup, &server, &visitors, &bare, &mut seen, report).await?;
    rooms::measure(setup, &server, &bare, report).await?;
    server.stop().await
}

/// One message at a time, in one room.
async fn one_by_one(
    visitors: &mut [Visitor],
    bare: &Matrix,
    staff: &Matrix,
    seen: &mut mpsc::UnboundedReceiver<String>,
    report: &mut Report,
) -> Result<()> {
    let visitor = &mut visitors[0];
    let room_id = visitor.room_id.clone();
    let (mut relayed, mut put, mut shown, mut synced) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..SINGLES {
        let text = Uuid::new_v4().to_string();
        let began = Instant::now();
        visitor.say(&text).await?;
        until_seen(seen, HashSet::from([text])).await?;
        relayed.push(began.elapsed());

        let text = Uuid::new_v4().to_string();
        let began = Instant::now();
        bare.say(&room_id, &text).await?;
        until_seen(seen, HashSet::from([text])).await?;
        put.push(began.elapsed());

        let text = Uuid::new_v4().to_string();
        let began = Instant::now();
        let (said, saw) = tokio::join!(staff.say(&room_id, &text), visitor.see(&text));
        said.and(saw)?;
        shown.push(began.elapsed());

        let text = Uuid::new_v4().to_string();
        let began = Instant::now();
        staff.say(&room_id, &text).await?;
        until_seen(seen, HashSet::from([text])).await?;
        synced.push(began.elapsed());
        // Synapse limits how much one person says.
        time::sleep(Duration::from_millis(300)).await;
    }
    report.compare(
        "visitor's message, POST to visible in the room",
        (median_ms(relayed), median_ms(put)),
        " ms",
        "bare client",
        Goal::AtMost(1.15),
    );
    report.compare(
        "staff's message, sent to seen by a waiting poll",
        (median_ms(shown), median_ms(synced)),
        " ms",
        "bare `/sync`",
        Goal::AtMost(1.2),
    );
    Ok(())
}

/// Many at a time, in all rooms.
async fn bursts(
    setup: &Setup,
    server: &Server,
    visitors: &[Visitor],
    bare: &Matrix,
    seen: &mut mpsc::UnboundedReceiver<String>,
    report: &mut Report,
) -> Result<()> {
    let count = visitors.len() * BURST;
    let mut cost = Usage::default();
    let rounds = alternate(setup, async |side| {
        let (began, before) = (Instant::now(), Usage::now(setup, server)?);
        let mut texts = HashSet::new();
        let mut tasks = JoinSet::new();
        for visitor in visitors {
            let mine: Vec<String> = (0..BURST).map(|_| Uuid::new_v4().to_string()).collect();
            texts.extend(mine.iter().cloned());
            let (mut visitor, bare) = (visitor.clone(), bare.clone());
            tasks.spawn(async move {
                for text in mine {
                    match side {
                        Side::Measured => visitor.say(&text).await?,
                        Side::Limit => bare.say(&visitor.room_id, &text).await?,
                    }
                }
                Ok(())
            });
        }
        until_seen(seen, texts).await?;
        all(tasks).await?;
        if side == Side::Measured {
            cost = (Usage::now(setup, server)? - before).per(number(count));
        }
        Ok(per_second(count, began.elapsed()))
    })
    .await?;
    report.costs.message = Some(cost);
    report.compare(
        "visitors' messages, POST to visible, 8 rooms at once",
        medians(&rounds, |rate| *rate),
        "/s",
        "bare client",
        Goal::AtLeast(0.9),
    );
    Ok(())
}
