//! The texts of mails, in the languages of the widget.

use crate::model::Language;

/// The sentences in one language. `{}` is the name of the website.
#[derive(Debug)]
pub(super) struct MailTexts {
    pub(super) subject: &'static str,
    /// The same of a mail with the conversation, and what has happened.
    pub(super) copy_subject: &'static str,
    pub(super) copy_lead: &'static str,
    /// What has happened.
    pub(super) lead: &'static str,
    /// The label of the link that resumes the conversation.
    pub(super) link: &'static str,
    /// How the link works.
    pub(super) once: &'static str,
    /// What happens if the visitor answers the mail.
    pub(super) no_reply: &'static str,
    /// Why the mail was sent.
    pub(super) why: &'static str,
    /// The label of the link that stops the mails.
    pub(super) stop: &'static str,
}

impl MailTexts {
    /// The texts in this language.
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

const ENGLISH: MailTexts = MailTexts {
    subject: "An answer to your chat on {}",
    copy_subject: "Your chat on {}",
    copy_lead: "Here is the chat that you began on {}, which you asked for. It is attached as a text.",
    lead: "Our support team has answered in the chat that you began on {}.",
    link: "Read the answer and go on",
    once: "The link works once, within 7 days. Whoever has it can read the conversation, so do not pass this mail on.",
    no_reply: "Please answer in the chat: answers to this mail do not reach the conversation.",
    why: "You get this mail because your address was given in that chat. If it was not you, or you want no more mails of \
          this conversation:",
    stop: "Stop these mails",
};

const GERMAN: MailTexts = MailTexts {
    subject: "Antwort auf Ihren Chat auf {}",
    copy_subject: "Ihr Chat auf {}",
    copy_lead: "Sie haben darum gebeten: Hier ist der Chat, den Sie auf {} begonnen haben. Er ist als Text angehängt.",
    lead: "Unser Support-Team hat in dem Chat geantwortet, den Sie auf {} begonnen haben.",
    link: "Antwort lesen und weiterschreiben",
    once: "Der Link funktioniert einmal und innerhalb von 7 Tagen. Wer ihn hat, kann das Gespräch lesen; geben Sie diese \
           E-Mail deshalb nicht weiter.",
    no_reply: "Bitte antworten Sie im Chat: Antworten auf diese E-Mail erreichen das Gespräch nicht.",
    why: "Sie bekommen diese E-Mail, weil Ihre Adresse in diesem Chat angegeben wurde. Wenn Sie das nicht waren oder keine \
          E-Mails zu diesem Gespräch mehr möchten:",
    stop: "Keine E-Mails mehr senden",
};

const FRENCH: MailTexts = MailTexts {
    subject: "Une réponse à votre conversation sur {}",
    copy_subject: "Votre conversation sur {}",
    copy_lead: "Comme vous l’avez demandé, voici la conversation que vous avez commencée sur {}, en pièce jointe.",
    lead: "Notre équipe d’assistance a répondu à la conversation que vous avez commencée sur {}.",
    link: "Lire la réponse et continuer",
    once: "Le lien fonctionne une seule fois, pendant 7 jours. Quiconque le possède peut lire la conversation : ne \
           transférez pas ce message.",
    no_reply: "Veuillez répondre dans la conversation : les réponses à ce message n’y parviennent pas.",
    why: "Vous recevez ce message parce que votre adresse a été indiquée dans cette conversation. Si ce n’était pas vous, ou \
          si vous ne voulez plus de messages à son sujet :",
    stop: "Ne plus recevoir ces messages",
};

const SPANISH: MailTexts = MailTexts {
    subject: "Una respuesta a su chat en {}",
    copy_subject: "Su chat en {}",
    copy_lead: "Como pidió, aquí tiene el chat que usted inició en {}. Va adjunto como texto.",
    lead: "Nuestro equipo de soporte ha respondido en el chat que usted inició en {}.",
    link: "Leer la respuesta y continuar",
    once: "El enlace funciona una sola vez, durante 7 días. Quien lo tenga puede leer la conversación: no reenvíe este \
           correo.",
    no_reply: "Responda en el chat, por favor: las respuestas a este correo no llegan a la conversación.",
    why: "Recibe este correo porque su dirección se indicó en ese chat. Si no fue usted, o si no quiere más correos de esta \
          conversación:",
    stop: "Dejar de recibir estos correos",
};

const UKRAINIAN: MailTexts = MailTexts {
    subject: "Відповідь у вашому чаті на {}",
    copy_subject: "Ваш чат на {}",
    copy_lead: "Ви просили надіслати чат, який ви розпочали на {}. Він у вкладенні як текст.",
    lead: "Наша служба підтримки відповіла в чаті, який ви розпочали на {}.",
    link: "Прочитати відповідь і продовжити",
    once: "Посилання діє один раз, протягом 7 днів. Кожен, хто його має, може прочитати розмову, тому не пересилайте цей \
           лист.",
    no_reply: "Будь ласка, відповідайте в чаті: відповіді на цей лист не потрапляють до розмови.",
    why: "Ви отримали цей лист, бо вашу адресу вказали в цьому чаті. Якщо це були не ви або ви не хочете більше листів про \
          цю розмову:",
    stop: "Більше не надсилати",
};

const ARABIC: MailTexts = MailTexts {
    subject: "رد على محادثتك في {}",
    copy_subject: "محادثتك في {}",
    copy_lead: "هذه المحادثة التي بدأتها على {} كما طلبت. تجدها مرفقة نصًا.",
    lead: "ردّ فريق الدعم لدينا في المحادثة التي بدأتها على {}.",
    link: "اقرأ الرد وتابع المحادثة",
    once: "يعمل الرابط مرة واحدة خلال 7 أيام. يمكن لكل من لديه الرابط قراءة المحادثة، فلا تُعِد توجيه هذه الرسالة.",
    no_reply: "يُرجى الرد في المحادثة: الردود على هذه الرسالة لا تصل إليها.",
    why: "تصلك هذه الرسالة لأن عنوانك أُدخل في تلك المحادثة. إذا لم تكن أنت من أدخله، أو لم تعد تريد رسائل عن هذه المحادثة:",
    stop: "إيقاف هذه الرسائل",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_names_the_website() {
        for language in Language::ALL {
            let texts = MailTexts::of(language);
            for text in [
                texts.subject,
                texts.lead,
                texts.copy_subject,
                texts.copy_lead,
            ] {
                assert_eq!(text.matches("{}").count(), 1, "{text}");
            }
            for text in [
                texts.link,
                texts.once,
                texts.no_reply,
                texts.why,
                texts.stop,
            ] {
                assert!(!text.is_empty() && !text.contains("{}"), "{text}");
            }
        }
    }
}
