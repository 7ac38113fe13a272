//! The way to the room and back, compared with bare Matrix clients in the same rooms.

use std::time::{Duration, Instant};

use tokio::{sync::mpsc, task::JoinSet, time};
use uuid::Uuid;

use crate::{
    Result, Setup,
    load::all,
    load::visitor::{Visitor, until_relayed},
    report::rounds::{Side, median_ms},
    report::{Goal, Report},
    sections::{bursts, rooms, signals},
    system::matrix::{Matrix, until_seen},
    system::server::{Database, Server},
};

const CONVERSATIONS: usize = 8;
/// Messages of each of them in a burst.
const BURST: usize = 30;
/// Messages that are timed one by one.
const SINGLES: usize = 40;
/// The pause before each of them: a system that was idle is slower, and Synapse limits how fast one person may write.
const PAUSE: Duration = Duration::from_millis(300);

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
    // Staff who have joined get a recap; after that nothing else is sent.
    until_relayed(&database).await?;
    let mut seen = staff.clone().follow();
    one_by_one(&mut visitors, &bare, &staff, &mut seen, report).await?;
    let work = "visitors' messages, POST to visible, 8 rooms at once";
    let say = async |side, texts: &[String]| say_all(side, texts, &visitors, &bare).await;
    let burst = (work, CONVERSATIONS * BURST);
    report.costs.message = bursts::bursts(setup, &server, &mut seen, burst, say, report).await?;
    rooms::measure(setup, &server, &bare, report).await?;
    signals::measure(setup, (&server, &database), &staff, &visitors, report).await?;
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
        let through_server = async |text: String| {
            visitor.say(&text).await?;
            until_seen(seen, [text]).await
        };
        relayed.push(timed(through_server).await?);
        let past_it = async |text: String| {
            bare.say(&room_id, &text).await?;
            until_seen(seen, [text]).await
        };
        put.push(timed(past_it).await?);
        let through_server = async |text: String| {
            tokio::try_join!(staff.say(&room_id, &text), visitor.see(&text)).map(drop)
        };
        shown.push(timed(through_server).await?);
        let past_it = async |text: String| {
            staff.say(&room_id, &text).await?;
            until_seen(seen, [text]).await
        };
        synced.push(timed(past_it).await?);
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

/// How long some work with a new text takes.
async fn timed(work: impl AsyncFnOnce(String) -> Result<()>) -> Result<Duration> {
    time::sleep(PAUSE).await;
    let (text, began) = (Uuid::new_v4().to_string(), Instant::now());
    work(text).await?;
    Ok(began.elapsed())
}

/// Sends each visitor's texts one after another, by the visitor or by the bare client.
async fn say_all(side: Side, texts: &[String], visitors: &[Visitor], bare: &Matrix) -> Result<()> {
    let mut tasks = JoinSet::new();
    for (visitor, texts) in visitors.iter().zip(texts.chunks(BURST)) {
        let (mut visitor, bare, texts) = (visitor.clone(), bare.clone(), texts.to_vec());
        tasks.spawn(async move {
            for text in texts {
                match side {
                    Side::Measured => visitor.say(&text).await?,
                    Side::Limit => bare.say(&visitor.room_id, &text).await?,
                }
            }
            Ok(())
        });
    }
    all(tasks).await
}
