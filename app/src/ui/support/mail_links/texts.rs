//! What these pages say, in the languages of the mails.

use crate::Language;

/// The sentences of one language.
#[derive(Debug)]
pub(super) struct LinkTexts {
    pub(super) eyebrow: &'static str,
    pub(super) conversation: &'static str,
    pub(super) answered: &'static str,
    pub(super) go_on: &'static str,
    pub(super) once: &'static str,
    /// Why nobody has come back: what the page is called, and what to do.
    pub(super) link_is_over: [&'static str; 2],
    pub(super) chat_is_over: [&'static str; 2],
    pub(super) too_often: [&'static str; 2],
    pub(super) elsewhere: [&'static str; 2],
    pub(super) not_resumed: [&'static str; 2],
    pub(super) to_chat: &'static str,
    /// The name of the link by which a mail can be written.
    pub(super) write: &'static str,
    pub(super) stop: [&'static str; 2],
    pub(super) do_stop: &'static str,
    pub(super) stopped: [&'static str; 2],
    pub(super) nothing_to_stop: [&'static str; 2],
    pub(super) not_stopped: [&'static str; 2],
}

impl LinkTexts {
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

const ENGLISH: LinkTexts = LinkTexts {
    eyebrow: "Support chat",
    conversation: "Your conversation",
    answered: "Our team has answered you. Go on with your conversation here.",
    go_on: "Go on with the conversation",
    once: "The link from your mail works once. Your browser then keeps one cookie that opens this conversation, and \
           forgets it when it is closed.",
    link_is_over: [
        "This link does not work any more",
        "It works once, for 7 days, and only while the address that it was mailed to is the conversation's. If you have \
         used it in this browser, your conversation is still here.",
    ],
    chat_is_over: [
        "This chat has ended",
        "You have ended this conversation. You can begin a new one.",
    ],
    too_often: [
        "That was a lot in a short time",
        "Nothing was done. Please wait a minute, and open the link again.",
    ],
    elsewhere: [
        "Please open the link again",
        "Nothing was done: the button was not pressed on this page.",
    ],
    not_resumed: [
        "That did not work",
        "Something went wrong on our side. Please open the link from your mail again in a moment.",
    ],
    to_chat: "Go to the chat",
    write: "Write us an email",
    stop: [
        "Stop these mails?",
        "You will get no more mails of this conversation at this address.",
    ],
    do_stop: "Stop the mails",
    stopped: [
        "The mails are stopped",
        "You get no more mails of this conversation.",
    ],
    nothing_to_stop: [
        "There is nothing to stop",
        "No mails are sent to this address for that conversation.",
    ],
    not_stopped: [
        "That did not work",
        "The mails are not stopped yet. Please open the link again in a moment.",
    ],
};

const GERMAN: LinkTexts = LinkTexts {
    eyebrow: "Support-Chat",
    conversation: "Ihr Gespräch",
    answered: "Unser Team hat Ihnen geantwortet. Führen Sie Ihr Gespräch hier weiter.",
    go_on: "Das Gespräch weiterführen",
    once: "Der Link aus Ihrer E-Mail funktioniert einmal. Ihr Browser behält danach ein Cookie, das dieses Gespräch \
           öffnet, und vergisst es, wenn er geschlossen wird.",
    link_is_over: [
        "Dieser Link funktioniert nicht mehr",
        "Er funktioniert einmal, 7 Tage lang, und nur solange die Adresse, an die er ging, die des Gesprächs ist. Wenn \
         Sie ihn in diesem Browser benutzt haben, ist Ihr Gespräch noch hier.",
    ],
    chat_is_over: [
        "Dieser Chat ist beendet",
        "Sie haben dieses Gespräch beendet. Sie können ein neues beginnen.",
    ],
    too_often: [
        "Das war viel in kurzer Zeit",
        "Es wurde nichts getan. Bitte warten Sie eine Minute, und öffnen Sie den Link noch einmal.",
    ],
    elsewhere: [
        "Bitte öffnen Sie den Link noch einmal",
        "Es wurde nichts getan: Der Knopf wurde nicht auf dieser Seite gedrückt.",
    ],
    not_resumed: [
        "Das hat nicht geklappt",
        "Bei uns ging etwas schief. Bitte öffnen Sie den Link aus Ihrer E-Mail gleich noch einmal.",
    ],
    to_chat: "Zum Chat",
    write: "Schreiben Sie uns eine E-Mail",
    stop: [
        "Keine E-Mails mehr?",
        "Sie bekommen dann an diese Adresse keine E-Mails zu diesem Gespräch mehr.",
    ],
    do_stop: "Keine E-Mails mehr senden",
    stopped: [
        "Es kommen keine E-Mails mehr",
        "Sie bekommen keine E-Mails zu diesem Gespräch mehr.",
    ],
    nothing_to_stop: [
        "Es gibt nichts abzubestellen",
        "Zu diesem Gespräch werden keine E-Mails an diese Adresse gesendet.",
    ],
    not_stopped: [
        "Das hat nicht geklappt",
        "Die E-Mails sind noch nicht abbestellt. Bitte öffnen Sie den Link gleich noch einmal.",
    ],
};

const FRENCH: LinkTexts = LinkTexts {
    eyebrow: "Chat d’assistance",
    conversation: "Votre conversation",
    answered: "Notre équipe vous a répondu. Poursuivez votre conversation ici.",
    go_on: "Poursuivre la conversation",
    once: "Le lien de votre e-mail fonctionne une seule fois. Votre navigateur garde ensuite un cookie qui ouvre cette \
           conversation, et l’oublie à sa fermeture.",
    link_is_over: [
        "Ce lien ne fonctionne plus",
        "Il fonctionne une seule fois, pendant 7 jours, et seulement tant que l’adresse à laquelle il a été envoyé est \
         celle de la conversation. Si vous l’avez utilisé dans ce navigateur, votre conversation est toujours ici.",
    ],
    chat_is_over: [
        "Ce chat est terminé",
        "Vous avez terminé cette conversation. Vous pouvez en commencer une autre.",
    ],
    too_often: [
        "C’était beaucoup en peu de temps",
        "Rien n’a été fait. Veuillez attendre une minute, puis rouvrir le lien.",
    ],
    elsewhere: [
        "Veuillez rouvrir le lien",
        "Rien n’a été fait\u{a0}: le bouton n’a pas été pressé sur cette page.",
    ],
    not_resumed: [
        "Cela n’a pas fonctionné",
        "Une erreur s’est produite de notre côté. Veuillez rouvrir dans un instant le lien de votre e-mail.",
    ],
    to_chat: "Aller au chat",
    write: "Écrivez-nous un e-mail",
    stop: [
        "Ne plus recevoir ces messages\u{a0}?",
        "Vous ne recevrez plus à cette adresse de messages sur cette conversation.",
    ],
    do_stop: "Ne plus recevoir ces messages",
    stopped: [
        "Les messages sont arrêtés",
        "Vous ne recevez plus de messages sur cette conversation.",
    ],
    nothing_to_stop: [
        "Il n’y a rien à arrêter",
        "Aucun message sur cette conversation n’est envoyé à cette adresse.",
    ],
    not_stopped: [
        "Cela n’a pas fonctionné",
        "Les messages ne sont pas encore arrêtés. Veuillez rouvrir le lien dans un instant.",
    ],
};

const SPANISH: LinkTexts = LinkTexts {
    eyebrow: "Chat de soporte",
    conversation: "Su conversación",
    answered: "Nuestro equipo le ha respondido. Continúe aquí su conversación.",
    go_on: "Continuar la conversación",
    once: "El enlace de su correo funciona una sola vez. Su navegador guarda después una cookie que abre esta \
           conversación y la olvida cuando se cierra.",
    link_is_over: [
        "Este enlace ya no funciona",
        "Funciona una sola vez, durante 7 días, y solo mientras la dirección a la que se envió sea la de la conversación. \
         Si lo ha usado en este navegador, su conversación sigue aquí.",
    ],
    chat_is_over: [
        "Este chat ha terminado",
        "Usted ha terminado esta conversación. Puede empezar otra.",
    ],
    too_often: [
        "Han sido muchas peticiones en poco tiempo",
        "No se ha hecho nada. Espere un minuto, por favor, y abra el enlace de nuevo.",
    ],
    elsewhere: [
        "Abra el enlace de nuevo, por favor",
        "No se ha hecho nada: el botón no se pulsó en esta página.",
    ],
    not_resumed: [
        "No ha funcionado",
        "Algo ha fallado por nuestra parte. Abra dentro de un momento el enlace de su correo.",
    ],
    to_chat: "Ir al chat",
    write: "Escríbanos un correo",
    stop: [
        "¿Dejar de recibir estos correos?",
        "No recibirá más correos de esta conversación en esta dirección.",
    ],
    do_stop: "Dejar de recibirlos",
    stopped: [
        "Ya no se envían correos",
        "No recibe más correos de esta conversación.",
    ],
    nothing_to_stop: [
        "No hay nada que detener",
        "A esta dirección no se envían correos de esa conversación.",
    ],
    not_stopped: [
        "No ha funcionado",
        "Los correos aún no se han detenido. Abra el enlace de nuevo dentro de un momento.",
    ],
};

const UKRAINIAN: LinkTexts = LinkTexts {
    eyebrow: "Чат підтримки",
    conversation: "Ваша розмова",
    answered: "Наша команда відповіла вам. Продовжуйте розмову тут.",
    go_on: "Продовжити розмову",
    once: "Посилання з вашого листа діє один раз. Після цього ваш браузер зберігає один файл cookie, який відкриває цю \
           розмову, і забуває його, коли його закривають.",
    link_is_over: [
        "Це посилання більше не діє",
        "Воно діє один раз, протягом 7 днів, і лише поки адреса, на яку його надіслано, належить розмові. Якщо ви \
         скористалися ним у цьому браузері, ваша розмова досі тут.",
    ],
    chat_is_over: [
        "Цей чат завершено",
        "Ви завершили цю розмову. Ви можете почати нову.",
    ],
    too_often: [
        "Забагато запитів за короткий час",
        "Нічого не зроблено. Будь ласка, зачекайте хвилину й відкрийте посилання ще раз.",
    ],
    elsewhere: [
        "Будь ласка, відкрийте посилання ще раз",
        "Нічого не зроблено: кнопку натиснуто не на цій сторінці.",
    ],
    not_resumed: [
        "Не вдалося",
        "На нашому боці сталася помилка. Будь ласка, за мить відкрийте посилання з листа ще раз.",
    ],
    to_chat: "Перейти до чату",
    write: "Напишіть нам листа",
    stop: [
        "Більше не надсилати листів?",
        "На цю адресу більше не надходитимуть листи про цю розмову.",
    ],
    do_stop: "Більше не надсилати",
    stopped: [
        "Листи більше не надходитимуть",
        "Ви більше не отримуватимете листів про цю розмову.",
    ],
    nothing_to_stop: [
        "Немає чого зупиняти",
        "На цю адресу не надсилаються листи про ту розмову.",
    ],
    not_stopped: [
        "Не вдалося",
        "Листи ще не зупинено. Будь ласка, за мить відкрийте посилання ще раз.",
    ],
};

const ARABIC: LinkTexts = LinkTexts {
    eyebrow: "محادثة الدعم",
    conversation: "محادثتك",
    answered: "ردّ عليك فريقنا. تابع محادثتك هنا.",
    go_on: "تابع المحادثة",
    once: "يعمل الرابط الذي في بريدك مرة واحدة. يحتفظ متصفحك بعد ذلك بملف تعريف ارتباط واحد يفتح هذه المحادثة، وينساه عند \
           إغلاقه.",
    link_is_over: [
        "لم يعد هذا الرابط يعمل",
        "يعمل مرة واحدة خلال 7 أيام، وما دام العنوان الذي أُرسل إليه هو عنوان المحادثة. إذا استخدمته في هذا المتصفح فما \
         زالت محادثتك هنا.",
    ],
    chat_is_over: [
        "انتهت هذه المحادثة",
        "لقد أنهيت هذه المحادثة. يمكنك بدء محادثة جديدة.",
    ],
    too_often: [
        "كان ذلك كثيرًا في وقت قصير",
        "لم يُنفَّذ شيء. يُرجى الانتظار دقيقة ثم فتح الرابط من جديد.",
    ],
    elsewhere: [
        "يُرجى فتح الرابط من جديد",
        "لم يُنفَّذ شيء: لم يُضغط الزر في هذه الصفحة.",
    ],
    not_resumed: [
        "لم ينجح ذلك",
        "حدث خطأ من جانبنا. يُرجى فتح الرابط الذي في بريدك من جديد بعد لحظات.",
    ],
    to_chat: "اذهب إلى المحادثة",
    write: "اكتب إلينا بالبريد الإلكتروني",
    stop: [
        "إيقاف هذه الرسائل؟",
        "لن تصلك على هذا العنوان رسائل أخرى عن هذه المحادثة.",
    ],
    do_stop: "أوقف الرسائل",
    stopped: ["أُوقفت الرسائل", "لن تصلك رسائل أخرى عن هذه المحادثة."],
    nothing_to_stop: [
        "لا يوجد ما يُوقف",
        "لا تُرسل إلى هذا العنوان رسائل عن تلك المحادثة.",
    ],
    not_stopped: [
        "لم ينجح ذلك",
        "لم تُوقف الرسائل بعد. يُرجى فتح الرابط من جديد بعد لحظات.",
    ],
};
