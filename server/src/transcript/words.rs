//! The words between a conversation's texts, in the languages of the widget (`widget-wasm/locales`).

use crate::model::Language;

/// The words of one language.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) title: &'static str,
    /// Stands before the name of the time zone.
    pub(super) times: &'static str,
    pub(super) you: &'static str,
    pub(super) support: &'static str,
    pub(super) undelivered: &'static str,
    pub(super) ended: &'static str,
    /// The text does not have all of the conversation.
    pub(super) cut: &'static str,
}

impl Words {
    /// Those of this language.
    pub(super) const fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
            Language::French => &FRENCH,
            Language::Spanish => &SPANISH,
            Language::Ukrainian => &UKRAINIAN,
            Language::Arabic => &ARABIC,
        }
    }
}

const ENGLISH: Words = Words {
    title: "Support chat",
    times: "Times are in the time zone",
    you: "You:",
    support: "Support:",
    undelivered: "Not delivered",
    ended: "This chat has ended.",
    cut: "The conversation goes on. What follows is too long for a mail: save it in the chat.",
};

const GERMAN: Words = Words {
    title: "Support-Chat",
    times: "Uhrzeiten in der Zeitzone",
    you: "Sie:",
    support: "Support:",
    undelivered: "Nicht zugestellt",
    ended: "Dieser Chat wurde beendet.",
    cut: "Das Gespräch geht weiter. Was folgt, ist zu lang für eine E-Mail: Speichern Sie es im Chat.",
};

const FRENCH: Words = Words {
    title: "Chat d’assistance",
    times: "Heures dans le fuseau horaire",
    you: "Vous :",
    support: "Assistance :",
    undelivered: "Non distribué",
    ended: "Ce chat est terminé.",
    cut: "La conversation continue. La suite est trop longue pour un e-mail : enregistrez-la dans le chat.",
};

const SPANISH: Words = Words {
    title: "Chat de soporte",
    times: "Horas en la zona horaria",
    you: "Usted:",
    support: "Soporte:",
    undelivered: "No entregado",
    ended: "Este chat ha finalizado.",
    cut: "La conversación continúa. Lo que sigue es demasiado largo para un correo: guárdelo en el chat.",
};

const UKRAINIAN: Words = Words {
    title: "Чат підтримки",
    times: "Час у часовому поясі",
    you: "Ви:",
    support: "Підтримка:",
    undelivered: "Не доставлено",
    ended: "Цей чат завершено.",
    cut: "Розмова триває. Продовження задовге для листа: збережіть його в чаті.",
};

const ARABIC: Words = Words {
    title: "محادثة الدعم",
    times: "الأوقات حسب المنطقة الزمنية",
    you: "أنتم:",
    support: "الدعم:",
    undelivered: "لم تُسلَّم",
    ended: "انتهت هذه المحادثة.",
    cut: "تستمر المحادثة. ما يلي أطول من أن يُرسل بالبريد: احفظه في المحادثة.",
};
