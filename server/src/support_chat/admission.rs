//! Decides whether a conversation may begin: hourly limits that all servers share, and a proof of
//! work when a limit is near.

use std::{net::IpAddr, time::Duration};

use app::contract::ProofChallenge;
use chrono::Utc;
use secrecy::SecretString;
use tokio::time;

use super::{
    idempotency::Keyed,
    proof::{FROM_PRESSURE, ProofOfWork},
    throttle::{AddressDigester, Digests},
};
use crate::{
    config::{self, Limit, Limits},
    metrics::{Metrics, ProofOutcome, Throttle},
    storage::{
        self, Db,
        session_starts::{self, Bounds, Outcome, Proof, Scope, Start},
    },
};

/// The limit of a customer's network (/56), as a multiple of the limit of one address.
const NEAR_NETWORK_TIMES: i64 = 4;
/// The limit of a wide network (/48, or /24 in IPv4), as a multiple of the limit of one address.
const WIDE_NETWORK_TIMES: i64 = 16;
/// With a proof of work, a network's limit and the limit of all are this many times as high. They
/// still end somewhere, because the homeserver has to create a room for each conversation.
const CEILING_TIMES: i64 = 10;

/// The refused visitor waits while the count is taken back.
const TAKE_BACK_WITHIN: Duration = Duration::from_secs(1);

/// The period in which new sessions are counted.
const PERIOD: Duration = Duration::from_hours(1);

/// Why a conversation may not begin now.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// A limit is reached. It allows a new conversation after this time.
    #[error("too many conversations begin")]
    RateLimited(Duration),
    /// A proof of work is needed, and it is missing, wrong or used. The challenge is to be solved.
    #[error("a proof of work is needed")]
    ProofRequired(Box<ProofChallenge>),
    /// Postgres failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// The limits on new sessions.
#[derive(Debug)]
pub struct Admission {
    addresses: AddressDigester,
    bounds: Bounds,
    proofs: Option<ProofOfWork>,
}

/// An attempt to begin a conversation that the limits have counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    request: [u8; 32],
    digests: Digests,
}

impl Counted {
    fn start(&self) -> Start<'_> {
        Start {
            request: &self.request,
            address: &self.digests.address,
            near_network: self.digests.near_network.as_ref().map(<[u8; 32]>::as_slice),
            wide_network: self.digests.wide_network.as_ref().map(<[u8; 32]>::as_slice),
        }
    }
}

impl Admission {
    /// Servers with the same secret share the counts and accept each other's challenges.
    #[must_use]
    pub fn new(secret: &SecretString, limits: &Limits) -> Self {
        let proofs = match limits.proof_of_work {
            config::ProofOfWork::Auto => Some(ProofOfWork::new(secret)),
            config::ProofOfWork::Off => None,
        };
        Self {
            addresses: AddressDigester::new(secret.clone()),
            bounds: bounds(limits, proofs.is_some()),
            proofs,
        }
    }

    /// What stands for an address in Postgres.
    pub(crate) fn digest(&self, address: IpAddr) -> [u8; 32] {
        self.addresses.digest(address).address
    }

    /// Counts one more beginning, or refuses it. `proof` is read only when a proof of work is
    /// needed.
    pub(super) async fn count(
        &self,
        db: &Db,
        metrics: &Metrics,
        request: Option<&Keyed>,
        address: IpAddr,
        proof: Option<&str>,
    ) -> Result<Option<Counted>, AdmissionError> {
        if self.bounds == Bounds::default() {
            return Ok(None);
        }
        let now = Utc::now();
        let good = self
            .proofs
            .as_ref()
            .zip(proof)
            .and_then(|(proofs, proof)| proofs.verify(proof, now));
        let counted = Counted {
            request: request.map_or_else(rand::random, Keyed::key_digest),
            digests: self.addresses.digest(address),
        };
        let proof_of_work = good.as_ref().map(|good| Proof {
            challenge: &good.challenge,
            expires_at: good.expires_at,
            good_below: good.good_below,
        });
        // A repeated statement does not count the attempt twice.
        let outcome = storage::again_if_lost(|| {
            session_starts::count(
                db,
                counted.start(),
                self.bounds,
                FROM_PRESSURE,
                proof_of_work,
            )
        })
        .await?;
        match outcome {
            Outcome::Counted { by_proof } => {
                if by_proof {
                    metrics.proof_of_work(ProofOutcome::Accepted);
                }
                Ok(Some(counted))
            }
            Outcome::Refused { by, wait } => {
                metrics.throttled(match by {
                    Scope::Address => Throttle::SessionsPerIp,
                    Scope::NearNetwork | Scope::WideNetwork => Throttle::SessionsPerNetwork,
                    Scope::All => Throttle::Sessions,
                });
                Err(AdmissionError::RateLimited(wait))
            }
            Outcome::ProofRequired { pressure } => {
                metrics.proof_of_work(match proof {
                    None => ProofOutcome::Required,
                    Some(_) => ProofOutcome::Rejected,
                });
                match &self.proofs {
                    Some(proofs) => Err(AdmissionError::ProofRequired(Box::new(
                        proofs.challenge(pressure, now),
                    ))),
                    // Without proofs of work, no bound asks for one, so this is unreachable in
                    // practice.
                    None => Err(AdmissionError::RateLimited(PERIOD)),
                }
            }
        }
    }

    /// Takes back the count of an attempt that certainly failed. If Postgres is out of reach, the
    /// count expires by itself.
    pub(super) async fn take_back(&self, db: &Db, counted: Counted) {
        let told = session_starts::take_back(db, counted.start());
        match time::timeout(TAKE_BACK_WITHIN, told).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "a session that did not begin stays counted for an hour");
            }
            Err(_) => tracing::warn!("a session that did not begin stays counted for an hour"),
        }
    }
}

fn bounds(limits: &Limits, with_proofs: bool) -> Bounds {
    let number = |limit: Limit| limit.map(|limit| i64::from(limit.get()));
    let address = number(limits.sessions_per_ip_per_hour);
    let network = |times| address.map(|limit| limit * times);
    let wider = [
        network(NEAR_NETWORK_TIMES),
        network(WIDE_NETWORK_TIMES),
        number(limits.sessions_per_hour),
    ];
    let [near, wide, all] = wider;
    if with_proofs {
        let [near_ceiling, wide_ceiling, ceiling] =
            wider.map(|limit| limit.map(|limit| limit * CEILING_TIMES));
        Bounds {
            refuse_at: [address, near_ceiling, wide_ceiling, ceiling],
            limits: [None, near, wide, all],
        }
    } else {
        Bounds {
            refuse_at: [address, near, wide, all],
            limits: [None; 4],
        }
    }
}
