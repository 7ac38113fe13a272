//! The capacity model: how many visitors fill which machine, from the costs that this run has measured.

use std::fmt::Write as _;

use crate::system::usage::Usage;

/// The visitor of the model: the panel is open for ten minutes, in which each side writes five messages.
const STAYS_SECONDS: f64 = 600.0;
const MESSAGES: f64 = 5.0;
const REPLIES: f64 = 5.0;
const POLL_SECONDS: f64 = 2.0;
const WAIT_SECONDS: f64 = 25.0;
/// The share of a processor that may be used permanently.
const LOAD: f64 = 0.7;
/// The connections to Postgres of one server.
const CONNECTIONS: f64 = 20.0;

/// The processor time, in seconds, that one of each costs the server, Postgres and Synapse.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    /// A poll that finds nothing, from a page that polls every two seconds.
    pub(crate) short_poll: Option<Usage>,
    /// A poll that finds a message.
    pub(crate) found_poll: Option<Usage>,
    /// A second of a poll that waits.
    pub(crate) waited_second: Option<Usage>,
    /// A visitor's message until it is in the room and one member of the staff has received it.
    pub(crate) message: Option<Usage>,
    /// A message of the staff, until it is stored.
    pub(crate) reply: Option<Usage>,
    /// The beginning of a conversation: session, room, first message.
    pub(crate) room: Option<Usage>,
    /// Notifying one more server of a change.
    pub(crate) change: Option<Usage>,
}

pub(crate) struct Model {
    /// The cost of one of each.
    inputs: [(&'static str, Usage); 7],
    /// The cost per second of a visitor whose page polls.
    polls: Usage,
    /// The cost per second of a visitor whose polls wait.
    waits: Usage,
    /// The cost per second, for each visitor of all servers, of notifying one server of all changes.
    changes: Usage,
}

impl Model {
    /// `None` when something was not measured.
    pub(crate) fn of(costs: &Costs) -> Option<Self> {
        // Synapse takes no part in polls, so its processor time meanwhile does not count.
        let poll = |usage: Usage| Usage {
            synapse: 0.0,
            ..usage
        };
        let (found_poll, short_poll) = (poll(costs.found_poll?), poll(costs.short_poll?));
        let (waited_second, change) = (poll(costs.waited_second?), poll(costs.change?));
        let each = 1.0 / STAYS_SECONDS;
        let found = (MESSAGES + REPLIES) * each;
        let spoken = sum(&[
            (costs.room?, each),
            (costs.message?, (MESSAGES - 1.0) * each),
            (costs.reply?, REPLIES * each),
            (found_poll, found),
        ]);
        let polls = sum(&[(spoken, 1.0), (short_poll, 1.0 / POLL_SECONDS - found)]);
        let waits = sum(&[
            (spoken, 1.0),
            (waited_second, 1.0),
            (short_poll, 1.0 / WAIT_SECONDS),
        ]);
        let changes = sum(&[(change, found)]);
        let inputs = [
            (
                "conversation begun: session, room, first message",
                costs.room?,
            ),
            ("visitor's message, until it is in the room", costs.message?),
            ("staff's message, until it is stored", costs.reply?),
            ("poll that finds a message", found_poll),
            ("poll that finds nothing, each 2 s", short_poll),
            ("second of a waiting poll", waited_second),
            ("change that one more server is told of", change),
        ];
        Some(Self {
            inputs,
            polls,
            waits,
            changes,
        })
    }

    /// The section of the documentation.
    pub(crate) fn text(&self) -> String {
        let mut text =
            String::from("| one | this server | Postgres | Synapse |\n| --- | --- | --- | --- |\n");
        for (what, usage) in &self.inputs {
            let Usage {
                server,
                postgres,
                synapse,
            } = usage;
            let [server, postgres, synapse] =
                [server, postgres, synapse].map(|it| format!("{:.3} ms", it * 1e3));
            let _ = writeln!(text, "| {what} | {server} | {postgres} | {synapse} |");
        }
        text.push_str(
            "\n| takes of a core, for 1,000 visitors | pages that poll every 2 s | pages that wait |\n\
             | --- | --- | --- |\n",
        );
        for (part, polls, waits) in [
            ("this server", self.polls.server, self.waits.server),
            ("Postgres", self.polls.postgres, self.waits.postgres),
            ("Synapse", self.polls.synapse, self.waits.synapse),
        ] {
            let _ = writeln!(text, "| {part} | {:.2} | {:.2} |", polls * 1e3, waits * 1e3);
        }
        let requests = |asks: f64| 60.0 * asks;
        let found = (MESSAGES + REPLIES) / STAYS_SECONDS;
        let _ = writeln!(
            text,
            "| polls, per visitor and minute | {:.0} | {:.1} |\n",
            requests(1.0 / POLL_SECONDS),
            requests(1.0 / WAIT_SECONDS + found),
        );
        text.push_str(
            "| where | visitors who poll | first bottleneck | visitors who wait | first bottleneck |\n\
             | --- | --- | --- | --- | --- |\n",
        );
        for step in &STEPS {
            let (polls, polls_bottleneck) = step.holds(&self.polls, &self.changes);
            let (waits, waits_bottleneck) = step.holds(&self.waits, &self.changes);
            let _ = writeln!(
                text,
                "| {} | {} | {polls_bottleneck} | {} | {waits_bottleneck} |",
                step.what,
                rounded(polls),
                rounded(waits),
            );
        }
        text.push_str(
            "\n| servers of 2 cores each, and nothing else in their way | visitors who poll | visitors who wait \
             | told of changes, per second and server | Postgres's part in telling | connections to Postgres |\n\
             | --- | --- | --- | --- | --- | --- |\n",
        );
        for servers in [1.0, 10.0, 100.0] {
            let polls = self.replicas(&self.polls, servers);
            let waits = self.replicas(&self.waits, servers);
            let changes = waits * (MESSAGES + REPLIES) / STAYS_SECONDS;
            let _ = writeln!(
                text,
                "| {servers} | {} | {} | {changes:.0} | {:.1} cores | {} |",
                rounded(polls),
                rounded(waits),
                waits * self.changes.postgres * servers,
                servers * CONNECTIONS + 1.0,
            );
        }
        text
    }

    /// The number of visitors for this many servers. Each server has its share of them, and is notified of all changes.
    fn replicas(&self, visitor: &Usage, servers: f64) -> f64 {
        2.0 * LOAD / (visitor.server / servers + self.changes.server)
    }

    /// The number of visitors who poll, and of those who wait, for this many servers, for the plot.
    pub(crate) fn curve(&self) -> [Vec<(f64, f64)>; 2] {
        let servers = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0];
        [&self.polls, &self.waits]
            .map(|visitor| servers.map(|it| (it, self.replicas(visitor, it))).to_vec())
    }
}

/// The cores of each part, if nothing is shared. Synapse's main process can use one.
struct Step {
    what: &'static str,
    servers: f64,
    /// The cores of each server, or, with `together`, of everything.
    server_cores: f64,
    postgres_cores: f64,
    synapse_cores: f64,
    together: Together,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Together {
    All,
    ServerAndPostgres,
    Nothing,
}

const STEPS: [Step; 5] = [
    Step {
        what: "everything on one machine of 2 cores",
        servers: 1.0,
        server_cores: 2.0,
        postgres_cores: 2.0,
        synapse_cores: 1.0,
        together: Together::All,
    },
    Step {
        what: "Synapse on a machine of its own",
        servers: 1.0,
        server_cores: 2.0,
        postgres_cores: 2.0,
        synapse_cores: 1.0,
        together: Together::ServerAndPostgres,
    },
    Step {
        what: "Synapse with workers, on 4 cores",
        servers: 1.0,
        server_cores: 2.0,
        postgres_cores: 2.0,
        synapse_cores: 4.0,
        together: Together::ServerAndPostgres,
    },
    Step {
        what: "and Postgres on 4 cores of its own",
        servers: 1.0,
        server_cores: 2.0,
        postgres_cores: 4.0,
        synapse_cores: 4.0,
        together: Together::Nothing,
    },
    Step {
        what: "and 10 servers of 2 cores, Synapse on 40",
        servers: 10.0,
        server_cores: 2.0,
        postgres_cores: 4.0,
        synapse_cores: 40.0,
        together: Together::Nothing,
    },
];

impl Step {
    /// The number of visitors, and the part that is full first.
    fn holds(&self, visitor: &Usage, changes: &Usage) -> (f64, &'static str) {
        let server = visitor.server / self.servers + changes.server;
        let postgres = visitor.postgres + changes.postgres * self.servers;
        let synapse = (LOAD * self.synapse_cores / visitor.synapse, "Synapse");
        let biggest = |parts: &[(f64, &'static str)]| {
            parts
                .iter()
                .copied()
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .map_or("", |it| it.1)
        };
        let of_server = (LOAD * self.server_cores / server, "this server");
        let of_postgres = (LOAD * self.postgres_cores / postgres, "Postgres");
        let together = match self.together {
            Together::All => (
                LOAD * self.server_cores / (server + postgres + visitor.synapse),
                biggest(&[
                    (server, "both cores, most by this server"),
                    (postgres, "both cores, most by Postgres"),
                    (visitor.synapse, "both cores, most by Synapse"),
                ]),
            ),
            Together::ServerAndPostgres => (
                LOAD * self.server_cores / (server + postgres),
                biggest(&[
                    (server, "the server's machine, most by this server"),
                    (postgres, "the server's machine, most by Postgres"),
                ]),
            ),
            Together::Nothing => of_server,
        };
        [of_server, of_postgres, synapse, together]
            .into_iter()
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap_or(together)
    }
}

fn sum(parts: &[(Usage, f64)]) -> Usage {
    parts
        .iter()
        .fold(Usage::default(), |sum, (usage, times)| Usage {
            server: sum.server + usage.server * times,
            postgres: sum.postgres + usage.postgres * times,
            synapse: sum.synapse + usage.synapse * times,
        })
}

/// A number with two significant digits.
fn rounded(value: f64) -> String {
    let power = 10_f64.powf(value.max(1.0).log10().floor() - 1.0);
    format!("{:.0}", (value / power).round() * power)
}
