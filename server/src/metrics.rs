//! The metrics of this process, for Prometheus. Their names are the operator's interface: the table in
//! `docs/reference/metrics.md` and the dashboard and alert rules in `ansible/files` use them.
//!
//! No label ever has a value that a visitor chooses, and none names a session, a room or a person.

use std::time::Duration;

use prometheus::{
    Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts,
    Registry, TextEncoder, core::Collector,
};

use crate::model::Rating;

mod labels;

pub use labels::{IdentityOutcome, MailOutcome, ProofOutcome, Throttle};

const NAMESPACE: &str = "support_chat";

/// In seconds: from a page that is answered from memory to a request that reaches its time limit.
const REQUEST_BUCKETS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

/// In seconds: from the answer of a local homeserver to the creation of a room on a slow one.
const HOMESERVER_BUCKETS: [f64; 11] =
    [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 45.0];
/// In seconds: from a reply that came with the next sync to one that was found after an outage.
const LAG_BUCKETS: [f64; 11] = [
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0,
];

/// The counters of one server. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    throttled: IntCounterVec,
    proofs_of_work: IntCounterVec,
    identities: IntCounterVec,
    ratings: IntCounterVec,
    mails: IntCounterVec,
    /// Conversations that began.
    pub sessions_started: IntCounter,
    /// Messages of visitors that the server has accepted, and so has promised to deliver.
    pub messages_accepted: IntCounter,
    /// Messages of visitors that the homeserver has accepted.
    pub messages_delivered: IntCounter,
    /// Messages of visitors that can never be delivered.
    pub messages_failed: IntCounter,
    /// Attempts on tasks of the outbox that have to be repeated.
    pub delivery_retries: IntCounter,
    /// Rooms that the homeserver has made.
    pub rooms_created: IntCounter,
    /// Rooms that were lost and replaced.
    pub rooms_lost: IntCounter,
    /// Rooms that were archived.
    pub rooms_archived: IntCounter,
    /// Archived rooms to which the bot was brought back.
    pub rooms_brought_back: IntCounter,
    /// Rooms that were left at once because the homeserver had encrypted them.
    pub rooms_encrypted: IntCounter,
    /// The seconds between the writing of a staff member's text and the moment from which the visitor can see it.
    pub staff_message_lag: Histogram,
    invitations_failed: IntCounterVec,
    /// Rooms whose events could not be stored, and were set aside.
    pub rooms_set_aside: IntCounter,
    /// Events, and parts of a room's history, that were given up.
    pub set_aside_given_up: IntCounter,
    /// Read receipts and typing signals, of either side, that were dropped.
    pub signals_dropped: IntCounter,
    homeserver_seconds: HistogramVec,
    homeserver_errors: IntCounterVec,
}

impl Metrics {
    /// Metrics that are all zero.
    #[expect(
        clippy::too_many_lines,
        reason = "each metric is named and described once"
    )]
    pub fn new() -> Result<Self, Error> {
        let registry = registry()?;
        let counter = |name, help| register(&registry, IntCounter::new(name, help));
        let counters = |name, help, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let histograms = |name, help, buckets: &[f64], labels: &[&str]| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register(&registry, HistogramVec::new(opts, labels))
        };
        let [proofs_of_work, identities, ratings] = of_visitors(&registry)?;
        let metrics = Self {
            requests: counters(
                "http_requests_total",
                "Requests answered on the public listener; code is the problem's, where there is one.",
                &["operation", "status", "code"],
            )?,
            request_seconds: histograms(
                "http_request_duration_seconds",
                "Time from a request's head to its answer's.",
                &REQUEST_BUCKETS,
                &["operation"],
            )?,
            throttled: counters(
                "throttled_total",
                "Requests refused because of a limit.",
                &["limit"],
            )?,
            proofs_of_work,
            identities,
            ratings,
            mails: counters(
                "mails_total",
                "Attempts to mail visitors who have left, by outcome.",
                &["outcome"],
            )?,
            sessions_started: counter("sessions_started_total", "Conversations that began.")?,
            messages_accepted: counter(
                "messages_accepted_total",
                "Messages of visitors that were accepted, first ones included.",
            )?,
            messages_delivered: counter(
                "messages_delivered_total",
                "Messages of visitors that the homeserver has accepted.",
            )?,
            messages_failed: counter(
                "messages_failed_total",
                "Messages of visitors that the homeserver refused for good.",
            )?,
            delivery_retries: counter(
                "delivery_retries_total",
                "Attempts on tasks for the homeserver that have to be repeated.",
            )?,
            rooms_created: counter("rooms_created_total", "Rooms made for conversations.")?,
            rooms_lost: counter(
                "rooms_lost_total",
                "Rooms that the bot is not in any more and that were replaced.",
            )?,
            rooms_archived: counter(
                "rooms_archived_total",
                "Rooms of ended conversations that the bot has left.",
            )?,
            rooms_brought_back: counter(
                "rooms_brought_back_total",
                "Archived rooms to which the bot was brought back.",
            )?,
            rooms_encrypted: counter(
                "rooms_encrypted_total",
                "Rooms left at once because the homeserver had encrypted them.",
            )?,
            invitations_failed: counters(
                "invitations_failed_total",
                "Invitations of staff that failed, by the homeserver's errcode. They are repeated.",
                &["errcode"],
            )?,
            staff_message_lag: register(
                &registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "staff_message_lag_seconds",
                        "Time from when staff wrote a text to when the visitor can read it.",
                    )
                    .buckets(LAG_BUCKETS.to_vec()),
                ),
            )?,
            rooms_set_aside: counter(
                "rooms_set_aside_total",
                "Rooms whose news could not be taken in and were set aside.",
            )?,
            set_aside_given_up: counter(
                "set_aside_given_up_total",
                "Events and parts of a history that were set aside and are not tried any more.",
            )?,
            signals_dropped: counter(
                "signals_dropped_total",
                "Receipts and typing, of either side, that were not passed on.",
            )?,
            homeserver_seconds: histograms(
                "homeserver_request_duration_seconds",
                "Time that the homeserver took to answer, or failed to; a sync waits for news.",
                &HOMESERVER_BUCKETS,
                &["request"],
            )?,
            homeserver_errors: counters(
                "homeserver_errors_total",
                "Requests that the homeserver refused, or did not answer, by its errcode.",
                &["request", "errcode"],
            )?,
            registry,
        };
        metrics.begin_at_zero();
        Ok(metrics)
    }

    /// Prometheus does not see an increase in a series that begins at one.
    fn begin_at_zero(&self) {
        for throttle in Throttle::ALL {
            self.throttled.with_label_values(&[throttle.as_str()]);
        }
        for outcome in ProofOutcome::ALL {
            self.proofs_of_work.with_label_values(&[outcome.as_str()]);
        }
        for outcome in IdentityOutcome::ALL {
            self.identities.with_label_values(&[outcome.as_str()]);
        }
        for rating in Rating::ALL {
            self.ratings.with_label_values(&[rating.as_str()]);
        }
        for outcome in MailOutcome::ALL {
            self.mails.with_label_values(&[outcome.as_str()]);
        }
        for errcode in ["M_INVITE_BLOCKED", "M_FORBIDDEN", "other"] {
            self.invitations_failed.with_label_values(&[errcode]);
        }
    }

    /// One request was answered.
    pub fn answered(&self, operation: &str, status: &str, code: &str, took: Duration) {
        self.requests
            .with_label_values(&[operation, status, code])
            .inc();
        self.request_seconds
            .with_label_values(&[operation])
            .observe(took.as_secs_f64());
    }

    /// One request was refused because of this limit.
    pub fn throttled(&self, by: Throttle) {
        self.throttled.with_label_values(&[by.as_str()]).inc();
    }

    /// A new session near a limit was asked for a proof of work, or brought one.
    pub fn proof_of_work(&self, outcome: ProofOutcome) {
        self.proofs_of_work
            .with_label_values(&[outcome.as_str()])
            .inc();
    }

    /// An attempt to mail a visitor ended so.
    pub fn mail(&self, outcome: MailOutcome) {
        self.mails.with_label_values(&[outcome.as_str()]).inc();
    }

    /// A first message came with an identity.
    pub fn identity(&self, outcome: IdentityOutcome) {
        self.identities.with_label_values(&[outcome.as_str()]).inc();
    }

    /// A visitor rated a conversation.
    pub fn rated(&self, rating: Rating) {
        self.ratings.with_label_values(&[rating.as_str()]).inc();
    }

    /// The homeserver has answered a request, or has failed to.
    pub fn homeserver_answered(&self, request: &str, took: Duration, errcode: Option<&str>) {
        self.homeserver_seconds
            .with_label_values(&[request])
            .observe(took.as_secs_f64());
        if let Some(errcode) = errcode {
            self.homeserver_errors
                .with_label_values(&[request, errcode])
                .inc();
        }
    }

    /// The homeserver has refused to invite a member of the staff.
    pub fn invitation_failed(&self, errcode: &str) {
        self.invitations_failed.with_label_values(&[errcode]).inc();
    }

    /// Prometheus' text format: what was counted, and these gauges.
    pub fn render(&self, gauges: &Gauges) -> Result<String, Error> {
        let mut families = self.registry.gather();
        families.extend(gauges.registry.gather());
        TextEncoder::new().encode_to_string(&families)
    }
}

/// Gauges that are measured when Prometheus asks. They are built for each request, so that a value that cannot be
/// measured is absent.
#[derive(Debug)]
pub struct Gauges {
    registry: Registry,
}

impl Gauges {
    /// No gauges.
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            registry: registry()?,
        })
    }

    /// Prometheus' text format.
    pub fn render(&self) -> Result<String, Error> {
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// Adds a gauge.
    pub fn add(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        value: f64,
    ) -> Result<(), Error> {
        let labels = labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let opts = Opts::new(name, help).const_labels(labels.collect());
        register(&self.registry, Gauge::with_opts(opts))?.set(value);
        Ok(())
    }
}

/// Proofs of work, identities and ratings.
fn of_visitors(registry: &Registry) -> Result<[IntCounterVec; 3], Error> {
    let counters = |name, help, label| {
        register(
            registry,
            IntCounterVec::new(Opts::new(name, help), &[label]),
        )
    };
    Ok([
        counters(
            "proofs_of_work_total",
            "New sessions near a limit, by the outcome of their proof of work.",
            "outcome",
        )?,
        counters(
            "identities_total",
            "Identities that came with a first message, by outcome.",
            "outcome",
        )?,
        counters(
            "ratings_total",
            "Ratings that visitors gave their conversations; a changed one counts again.",
            "rating",
        )?,
    ])
}

fn registry() -> Result<Registry, Error> {
    Registry::new_custom(Some(NAMESPACE.to_owned()), None)
}

fn register<M: Collector + Clone + 'static>(
    registry: &Registry,
    metric: Result<M, Error>,
) -> Result<M, Error> {
    let metric = metric?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
