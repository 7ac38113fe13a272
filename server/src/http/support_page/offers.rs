//! What the page offers beside the conversation: a field for an address, the conversation by mail, and what can be done
//! after the end.

use std::time::Duration;

use app::{
    contract,
    ui::support::{Afterwards, Mailing},
};
use chrono::Utc;

use super::{Visit, cookie::SessionCookie, form::Form};
use crate::model::{Author, Entry, Rating};

/// A visitor who has waited for so long is asked where they may be answered.
const UNANSWERED: Duration = Duration::from_mins(2);

/// What is offered. It is no reason not to show the page that some of it cannot be read.
#[derive(Debug, Default)]
pub(super) struct Offers {
    pub(super) afterwards: Option<Afterwards>,
    pub(super) mailing: Option<Mailing>,
}

impl Offers {
    /// In a conversation that goes on, with its newest entries.
    pub(super) async fn while_open(
        visit: &Visit,
        session: &SessionCookie,
        entries: &[Entry],
    ) -> Self {
        let may_ask = visit.state.config.mail.is_some();
        let asks = may_ask && (visit.away.is_some() || has_waited(entries));
        let asked = asks.then_some(Mailing::Ask);
        Self {
            mailing: address(visit, session).await.or(asked),
            afterwards: None,
        }
    }

    /// In a conversation that has ended: it is mailed as long as it can be saved.
    pub(super) async fn after_end(visit: &Visit, session: &SessionCookie) -> Self {
        let chat = &visit.state.support_chat;
        let Ok(rating) = chat.read_rating(session.id, &session.token).await else {
            return Self::default();
        };
        Self {
            afterwards: Some(match rating {
                _ if !visit.state.config.takes_ratings => Afterwards::Save,
                None => Afterwards::Ask,
                Some(Rating::Good) => Afterwards::Rated(contract::Rating::Good),
                Some(Rating::Bad) => Afterwards::Rated(contract::Rating::Bad),
            }),
            mailing: address(visit, session).await,
        }
    }

    /// Where a form was refused, what it answers is asked again.
    pub(super) fn again(form: &Form) -> Self {
        Self {
            afterwards: form.rates.then_some(Afterwards::Ask),
            mailing: form.sets_email.then_some(Mailing::Ask),
        }
    }
}

/// Where replies are mailed, if anywhere.
async fn address(visit: &Visit, session: &SessionCookie) -> Option<Mailing> {
    let address = visit.state.support_chat.read_email(session.id).await;
    address.ok().flatten().map(Mailing::To)
}

/// Whether the visitor has waited for an answer for a while.
pub(super) fn has_waited(entries: &[Entry]) -> bool {
    let last = entries.iter().rev();
    let unanswered = last.take_while(|entry| entry.author == Author::Visitor);
    let since = unanswered.last().map(|entry| Utc::now() - entry.created_at);
    since.is_some_and(|since| since.to_std().is_ok_and(|since| since >= UNANSWERED))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    fn entry(author: Author, seconds_ago: i64) -> Entry {
        Entry {
            id: Uuid::nil(),
            author,
            body: "x".to_owned(),
            created_at: Utc::now() - TimeDelta::seconds(seconds_ago),
            delivery: None,
            replaces: None,
            removed: false,
        }
    }

    #[test]
    fn a_visitor_has_waited_since_the_first_text_that_nobody_has_answered() {
        let (visitor, staff) = (Author::Visitor, Author::Staff);
        for (entries, expected) in [
            (vec![], false),
            (vec![(visitor, 100)], false),
            (vec![(visitor, 121)], true),
            (vec![(visitor, 121), (visitor, 1)], true),
            (vec![(visitor, 500), (staff, 400), (visitor, 1)], false),
            (vec![(visitor, 500), (staff, 400)], false),
        ] {
            let told: Vec<_> = entries.iter().map(|&(who, at)| entry(who, at)).collect();
            assert_eq!(has_waited(&told), expected, "{entries:?}");
        }
    }
}
