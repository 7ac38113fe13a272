//! The visible part of the conversation.

use leptos::prelude::*;

use super::{
    lines::{Line, lines},
    words::date_and_time,
};
use crate::contract::{Delivery, Message, Sender};

pub(super) fn transcript(messages: &[Message]) -> impl IntoView {
    let lines = lines(messages);
    // The region scrolls, so it must be reachable by keyboard.
    view! {
        <section class="transcript" aria-label="Conversation" tabindex="0">
            <ol>{lines.iter().map(line).collect_view()}</ol>
        </section>
    }
}

fn line(line: &Line<'_>) -> impl IntoView + use<> {
    let message = line.message;
    let (class, who) = match message.sender {
        Sender::Visitor => ("from-visitor", "You"),
        Sender::Staff => ("from-staff", "Support"),
    };
    let delivery = message.delivery.map(|delivery| match delivery {
        Delivery::Pending => "Sent",
        Delivery::Delivered => "Delivered",
        Delivery::Failed => "Not delivered",
    });
    let text = if line.removed {
        view! { <p class="removed">"This message was removed."</p> }.into_any()
    } else {
        view! {
            <p class="text" dir="auto">
                {line.body.to_owned()}
            </p>
        }
        .into_any()
    };
    let edited = (line.edited && !line.removed).then_some("Edited");
    view! {
        <li class=class>
            <p class="who">{who}</p>
            {text}
            <p class="when">
                <time datetime=message.created_at.clone()>{date_and_time(&message.created_at)}</time>
                {edited.map(|word| view! { <span>{word}</span> })}
                {delivery.map(|word| view! { <span>{word}</span> })}
            </p>
        </li>
    }
}
