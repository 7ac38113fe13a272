//! The sentences in each language.

use super::{Alerts, DeskTexts, Open, States, Units};

pub(super) const ENGLISH: DeskTexts = DeskTexts {
    states: States {
        waiting: "Waiting",
        answered: "Answered",
        answered_by: "Answered by {}",
        waiting_again: "Waiting again",
        waiting_again_by: "Waiting again (last reply: {})",
        left: "Left",
        left_unanswered: "Left without a reply",
        ended: "Ended",
        ended_unanswered: "Ended without a reply",
    },
    colon: ": ",
    verified: ", verified",
    rated_good: ", rated good",
    rated_bad: ", rated bad",
    unanswered: "Unanswered for {}",
    alerts: Alerts {
        invitation: "These members of the staff cannot be invited: {}. Do they block invitations, or ignore the bot? The bot \
                     keeps trying.",
        nobody: "The visitor writes, and nobody of the staff is in the room: {}. All are invited again.",
        delivery: "What the visitor wrote does not reach the room: {}. The server's log says why.",
        mail: "The visitor has left and cannot be mailed that an answer waits: {}. The server's log says why.",
        quarantine: "What staff wrote could not be taken in, so the visitor does not get it: {}. It is in quarantine, see \
                     the server's log.",
        a_room: "a room",
        more: "{} and {} more",
    },
    open: Open {
        which: "Which conversation? Its code is at the end of its name: `!open K7F2`.",
        unknown: "There is no conversation {}.",
        no_room: "This conversation has no room yet.",
        bot_is_gone: "The bot is not in that conversation's room any more.",
        joined: "You are in this room: ",
        invited_before: "You are invited to this room already: ",
        invited: "You are invited: ",
        refused: "The homeserver refuses the invitation ({}).",
        unnamed: "the conversation",
    },
    away_usage: "Until when? A time of day, as `!away 14:00`.",
    away_until: "Away until {}. `!back` ends it.",
    back: "Back.",
    not_away: "Nobody was away.",
    today: "Today",
    seven_days: "The last 7 days",
    conversations: "conversations: {}",
    not_answered: "unanswered: {}",
    first_answer: "first answer within {} (median), {} (95th percentile)",
    ratings: "rated good: {}, bad: {}",
    administered: "An operator has carried out `{}` on the conversation {}.",
    units: Units::ENGLISH,
    help: "!open CODE – invites you to that conversation's room\n\
           !away 14:00 – says that staff are away until then\n\
           !back – says that they are back\n\
           !stats – conversations, and how soon they are answered\n\
           !help – says this",
};

pub(super) const GERMAN: DeskTexts = DeskTexts {
    states: States {
        waiting: "Wartet",
        answered: "Beantwortet",
        answered_by: "Beantwortet von {}",
        waiting_again: "Wartet wieder",
        waiting_again_by: "Wartet wieder (letzte Antwort: {})",
        left: "Gegangen",
        left_unanswered: "Ohne Antwort gegangen",
        ended: "Beendet",
        ended_unanswered: "Ohne Antwort beendet",
    },
    colon: ": ",
    verified: ", bestätigt",
    rated_good: ", gut bewertet",
    rated_bad: ", schlecht bewertet",
    unanswered: "Seit {} ohne Antwort",
    alerts: Alerts {
        invitation: "Diese Teammitglieder können nicht eingeladen werden: {}. Blockieren sie Einladungen, oder ignorieren sie \
                     den Bot? Der Bot versucht es weiter.",
        nobody: "Der Besucher schreibt, und niemand aus dem Team ist im Raum: {}. Alle werden noch einmal eingeladen.",
        delivery: "Was der Besucher geschrieben hat, kommt nicht im Raum an: {}. Warum, steht im Protokoll des Servers.",
        mail: "Der Besucher ist gegangen, und ihm kann nicht gemailt werden, dass eine Antwort wartet: {}. Warum, steht im Protokoll des Servers.",
        quarantine: "Was das Team geschrieben hat, konnte nicht übernommen werden, der Besucher bekommt es also nicht: {}. \
                     Es ist in Quarantäne, siehe das Protokoll des Servers.",
        a_room: "ein Raum",
        more: "{} und {} weitere",
    },
    open: Open {
        which: "Welcher Chat? Sein Code steht am Ende seines Namens: `!open K7F2`.",
        unknown: "Einen Chat {} gibt es nicht.",
        no_room: "Dieser Chat hat noch keinen Raum.",
        bot_is_gone: "Der Bot ist nicht mehr im Raum dieses Chats.",
        joined: "Sie sind in diesem Raum: ",
        invited_before: "Sie sind in diesen Raum schon eingeladen: ",
        invited: "Sie sind eingeladen: ",
        refused: "Der Homeserver lehnt die Einladung ab ({}).",
        unnamed: "der Chat",
    },
    away_usage: "Bis wann? Eine Uhrzeit, etwa `!away 14:00`.",
    away_until: "Abwesend bis {}. Mit `!back` ist das Team wieder da.",
    back: "Wieder da.",
    not_away: "Niemand war abwesend.",
    today: "Heute",
    seven_days: "Die letzten 7 Tage",
    conversations: "Chats: {}",
    not_answered: "unbeantwortet: {}",
    first_answer: "erste Antwort nach {} (Median), {} (95. Perzentil)",
    ratings: "gut bewertet: {}, schlecht: {}",
    administered: "Ein Administrator hat `{}` für die Unterhaltung {} ausgeführt.",
    units: Units::GERMAN,
    help: "!open CODE – lädt Sie in den Raum dieses Chats ein\n\
           !away 14:00 – sagt, dass das Team bis dahin abwesend ist\n\
           !back – sagt, dass es wieder da ist\n\
           !stats – wie viele Chats es gab und wie bald sie beantwortet wurden\n\
           !help – sagt dies",
};

pub(super) const FRENCH: DeskTexts = DeskTexts {
    states: States {
        waiting: "En attente",
        answered: "Répondu",
        answered_by: "Répondu par {}",
        waiting_again: "De nouveau en attente",
        waiting_again_by: "De nouveau en attente (dernière réponse\u{a0}: {})",
        left: "Parti",
        left_unanswered: "Parti sans réponse",
        ended: "Terminé",
        ended_unanswered: "Terminé sans réponse",
    },
    colon: "\u{a0}: ",
    verified: ", vérifié",
    rated_good: ", jugée utile",
    rated_bad: ", jugée inutile",
    unanswered: "Sans réponse depuis {}",
    alerts: Alerts {
        invitation: "Ces membres de l’équipe ne peuvent pas être invités\u{a0}: {}. Bloquent-ils les invitations ou \
                     ignorent-ils le bot\u{a0}? Le bot continue d’essayer.",
        nobody: "Le visiteur écrit et personne de l’équipe n’est dans le salon\u{a0}: {}. Tous sont invités de nouveau.",
        delivery: "Ce que le visiteur a écrit n’arrive pas dans le salon\u{a0}: {}. Le journal du serveur dit pourquoi.",
        mail: "Le visiteur est parti, et il est impossible de lui écrire par e-mail qu’une réponse l’attend\u{a0}: {}. Le journal du serveur dit pourquoi.",
        quarantine: "Ce que l’équipe a écrit n’a pas pu être pris en compte, le visiteur ne le reçoit donc pas\u{a0}: {}. \
                     C’est en quarantaine, voir le journal du serveur.",
        a_room: "un salon",
        more: "{} et {} de plus",
    },
    open: Open {
        which: "Quelle conversation\u{a0}? Son code est à la fin de son nom\u{a0}: `!open K7F2`.",
        unknown: "Il n’y a pas de conversation {}.",
        no_room: "Cette conversation n’a pas encore de salon.",
        bot_is_gone: "Le bot n’est plus dans le salon de cette conversation.",
        joined: "Vous êtes dans ce salon\u{a0}: ",
        invited_before: "Vous êtes déjà invité dans ce salon\u{a0}: ",
        invited: "Vous êtes invité\u{a0}: ",
        refused: "Le serveur d’accueil refuse l’invitation ({}).",
        unnamed: "la conversation",
    },
    away_usage: "Jusqu’à quand\u{a0}? Une heure, par exemple `!away 14:00`.",
    away_until: "Absence jusqu’au {}. `!back` y met fin.",
    back: "De retour.",
    not_away: "Personne n’était absent.",
    today: "Aujourd’hui",
    seven_days: "Les 7 derniers jours",
    conversations: "conversations\u{a0}: {}",
    not_answered: "sans réponse\u{a0}: {}",
    first_answer: "première réponse en {} (médiane), {} (95e centile)",
    ratings: "jugées utiles\u{a0}: {}, inutiles\u{a0}: {}",
    administered: "Un administrateur a exécuté `{}` sur la conversation {}.",
    units: Units::FRENCH,
    help: "!open CODE – vous invite dans le salon de cette conversation\n\
           !away 14:00 – dit que l’équipe est absente jusque-là\n\
           !back – dit qu’elle est de retour\n\
           !stats – les conversations et le délai de réponse\n\
           !help – affiche ceci",
};

pub(super) const SPANISH: DeskTexts = DeskTexts {
    states: States {
        waiting: "En espera",
        answered: "Respondido",
        answered_by: "Respondido por {}",
        waiting_again: "De nuevo en espera",
        waiting_again_by: "De nuevo en espera (última respuesta: {})",
        left: "Se ha ido",
        left_unanswered: "Se ha ido sin respuesta",
        ended: "Terminado",
        ended_unanswered: "Terminado sin respuesta",
    },
    colon: ": ",
    verified: ", verificado",
    rated_good: ", valorada como buena",
    rated_bad: ", valorada como mala",
    unanswered: "Sin respuesta desde hace {}",
    alerts: Alerts {
        invitation: "No se puede invitar a estos miembros del equipo: {}. ¿Bloquean las invitaciones o ignoran al bot? El bot \
                     lo sigue intentando.",
        nobody: "El visitante escribe y nadie del equipo está en la sala: {}. Se invita a todos de nuevo.",
        delivery: "Lo que escribió el visitante no llega a la sala: {}. El registro del servidor dice por qué.",
        mail: "El visitante se ha ido y no se le puede avisar por correo de que hay una respuesta: {}. El registro del servidor dice por qué.",
        quarantine: "Lo que escribió el equipo no se pudo procesar, así que el visitante no lo recibe: {}. Está en \
                     cuarentena, véase el registro del servidor.",
        a_room: "una sala",
        more: "{} y {} más",
    },
    open: Open {
        which: "¿Qué chat? Su código está al final de su nombre: `!open K7F2`.",
        unknown: "No existe el chat {}.",
        no_room: "Este chat aún no tiene sala.",
        bot_is_gone: "El bot ya no está en la sala de ese chat.",
        joined: "Está en esta sala: ",
        invited_before: "Ya tiene una invitación a esta sala: ",
        invited: "Tiene una invitación: ",
        refused: "El servidor de Matrix rechaza la invitación ({}).",
        unnamed: "el chat",
    },
    away_usage: "¿Hasta cuándo? Una hora, como `!away 14:00`.",
    away_until: "Ausencia hasta {}. `!back` la termina.",
    back: "De vuelta.",
    not_away: "Nadie estaba ausente.",
    today: "Hoy",
    seven_days: "Los últimos 7 días",
    conversations: "chats: {}",
    not_answered: "sin respuesta: {}",
    first_answer: "primera respuesta en {} (mediana), {} (percentil 95)",
    ratings: "valoradas como buenas: {}, malas: {}",
    administered: "Un administrador ha ejecutado `{}` en la conversación {}.",
    units: Units::SPANISH,
    help: "!open CÓDIGO – le invita a la sala de ese chat\n\
           !away 14:00 – indica que el equipo está ausente hasta entonces\n\
           !back – indica que ha vuelto\n\
           !stats – los chats y lo que tardan en responderse\n\
           !help – muestra esto",
};

pub(super) const UKRAINIAN: DeskTexts = DeskTexts {
    states: States {
        waiting: "Чекає",
        answered: "Є відповідь",
        answered_by: "Є відповідь від {}",
        waiting_again: "Знову чекає",
        waiting_again_by: "Знову чекає (остання відповідь: {})",
        left: "Відвідувач пішов",
        left_unanswered: "Відвідувач пішов без відповіді",
        ended: "Завершено",
        ended_unanswered: "Завершено без відповіді",
    },
    colon: ": ",
    verified: ", підтверджено",
    rated_good: ", оцінено добре",
    rated_bad: ", оцінено погано",
    unanswered: "Без відповіді вже {}",
    alerts: Alerts {
        invitation: "Цих членів команди не вдається запросити: {}. Можливо, вони блокують запрошення або ігнорують бота? Бот \
                     пробує далі.",
        nobody: "Відвідувач пише, а в кімнаті немає нікого з команди: {}. Усіх запрошено знову.",
        delivery: "Те, що написав відвідувач, не доходить до кімнати: {}. Причина – у журналі сервера.",
        mail: "Відвідувач пішов, і йому не вдається надіслати листа про те, що є відповідь: {}. Причина є в журналі сервера.",
        quarantine: "Те, що написала команда, не вдалося прийняти, тож відвідувач цього не отримає: {}. Це в карантині, \
                     див. журнал сервера.",
        a_room: "кімната",
        more: "{} і ще {}",
    },
    open: Open {
        which: "Яка розмова? Її код – наприкінці назви: `!open K7F2`.",
        unknown: "Розмови {} немає.",
        no_room: "У цієї розмови ще немає кімнати.",
        bot_is_gone: "Бота більше немає в кімнаті цієї розмови.",
        joined: "Ви в цій кімнаті: ",
        invited_before: "Вас уже запрошено до цієї кімнати: ",
        invited: "Вас запрошено: ",
        refused: "Домашній сервер відхиляє запрошення ({}).",
        unnamed: "розмова",
    },
    away_usage: "До якого часу? Вкажіть час доби, наприклад `!away 14:00`.",
    away_until: "Команди немає на місці до {}. `!back` це скасовує.",
    back: "Команда знову на місці.",
    not_away: "Команда й так була на місці.",
    today: "Сьогодні",
    seven_days: "Останні 7 днів",
    conversations: "розмови: {}",
    not_answered: "без відповіді: {}",
    first_answer: "перша відповідь за {} (медіана), {} (95-й процентиль)",
    ratings: "оцінено добре: {}, погано: {}",
    administered: "Адміністратор виконав `{}` для розмови {}.",
    units: Units::UKRAINIAN,
    help: "!open КОД – запрошує вас до кімнати цієї розмови\n\
           !away 14:00 – каже, що до цього часу команди немає на місці\n\
           !back – каже, що команда знову на місці\n\
           !stats – розмови й те, як швидко на них відповідають\n\
           !help – показує це",
};

pub(super) const ARABIC: DeskTexts = DeskTexts {
    states: States {
        waiting: "في الانتظار",
        answered: "تم الرد",
        answered_by: "تم الرد من {}",
        waiting_again: "في الانتظار من جديد",
        waiting_again_by: "في الانتظار من جديد (آخر رد: {})",
        left: "غادر الزائر",
        left_unanswered: "غادر الزائر دون رد",
        ended: "انتهت",
        ended_unanswered: "انتهت دون رد",
    },
    colon: ": ",
    verified: "، مُوثَّق",
    rated_good: "، التقييم: جيد",
    rated_bad: "، التقييم: سيئ",
    unanswered: "دون رد منذ {}",
    alerts: Alerts {
        invitation: "تتعذر دعوة هؤلاء من أعضاء الفريق: {}. هل يحظرون الدعوات أو يتجاهلون البوت؟ يواصل البوت المحاولة.",
        nobody: "يكتب الزائر ولا أحد من الفريق في الغرفة: {}. تُعاد دعوة الجميع.",
        delivery: "ما كتبه الزائر لا يصل إلى الغرفة: {}. السبب في سجل الخادم.",
        mail: "غادر الزائر ولا يمكن إبلاغه بالبريد بأن ردًّا ينتظره: {}. السبب في سجل الخادم.",
        quarantine: "تعذر استلام ما كتبه الفريق، فلا يصل إلى الزائر: {}. إنه في الحجر، راجع سجل الخادم.",
        a_room: "غرفة",
        more: "{} و{} غيرها",
    },
    open: Open {
        which: "أي محادثة؟ رمزها في آخر اسمها: `!open K7F2`.",
        unknown: "لا توجد محادثة {}.",
        no_room: "ليس لهذه المحادثة غرفة بعد.",
        bot_is_gone: "لم يعد البوت في غرفة تلك المحادثة.",
        joined: "أنت في هذه الغرفة: ",
        invited_before: "أنت مدعو إلى هذه الغرفة من قبل: ",
        invited: "دُعيت إلى: ",
        refused: "يرفض الخادم الرئيسي الدعوة ({}).",
        unnamed: "المحادثة",
    },
    away_usage: "حتى متى؟ اكتب وقتًا من اليوم، مثل `!away 14:00`.",
    away_until: "الفريق غائب حتى {}. الأمر `!back` ينهي ذلك.",
    back: "عاد الفريق.",
    not_away: "لم يكن أحد غائبًا.",
    today: "اليوم",
    seven_days: "آخر 7 أيام",
    conversations: "المحادثات: {}",
    not_answered: "دون رد: {}",
    first_answer: "أول رد خلال {} (الوسيط)، {} (المئين 95)",
    ratings: "التقييم جيد: {}، سيئ: {}",
    administered: "نفّذ أحد المشرفين `{}` على المحادثة {}.",
    units: Units::ARABIC,
    help: "!open رمز – يدعوك إلى غرفة تلك المحادثة\n\
           !away 14:00 – يقول إن الفريق غائب حتى ذلك الوقت\n\
           !back – يقول إن الفريق عاد\n\
           !stats – المحادثات وسرعة الرد عليها\n\
           !help – يعرض هذا",
};
