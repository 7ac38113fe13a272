//! The sentences in each language.

use super::{StaffTexts, Things, duration::Units};

pub(super) const ENGLISH: StaffTexts = StaffTexts {
    units: Units::ENGLISH,
    internal: "Texts in threads, with a mention, or beginning with !note stay between staff, and so do replies to them; \
               the visitor does not get them.",
    answers_command: "The visitor does not get this: it answers a command. Send it as a message of its own.",
    edit_internal: "The visitor does not see this change: it is between staff. They still see the text as it was.",
    edit_command: "The visitor does not see this change, and no command was run: send it as a message of its own.",
    edit_not_shown: "The visitor does not see this change: only texts are shown to them.",
    edited_command: "The visitor does not get this, and no command was run again: send it as a message of its own.",
    not_of_its_own: "The visitor does not get this, and no command was run: it has to be a message of its own, and no reply \
                     nor part of a thread.",
    not_staff: "The visitor does not get this, and no command was run: only configured staff can give commands.",
    not_shown: "The visitor does not see this ({}): only texts are shown to them.",
    reactions: "The visitor does not see reactions.",
    things: Things {
        file: "a file",
        picture: "a picture",
        video: "a video",
        voice: "a voice message",
        sticker: "a sticker",
        poll: "a poll",
        place: "a place",
        call: "a call",
        encrypted: "an encrypted message",
        notice: "a notice",
        other: "something else than a text",
    },
    closed: "The visitor does not get this: the chat has ended. !reopen lets it go on.",
    expired: "The visitor does not get this: the chat has expired. !reopen lets it go on.",
    erased: "The visitor does not get this: they have had this chat erased. It cannot go on.",
    gone: "The visitor has gone. They get this when they come back; it is not mailed.",
    gone_mailed: "The visitor has gone. They get this when they come back; if they do not within {}, they are mailed that it waits.",
    help: "!note TEXT – stays between staff\n\
           !r – lists the canned replies\n\
           !r NAME – sends one to the visitor\n\
           !close – ends the chat\n\
           !reopen – lets an ended chat go on\n\
           !block 7d – refuses new chats from this visitor's address for so long (0s: lifts that)\n\
           !email – says where replies are mailed\n\
           !help – says this",
    unknown: "There is no such command; the visitor does not get this. The commands are:",
    misused: "Nothing was done, and the visitor does not get this: nothing may follow this command. The commands are:",
    close_done: "The chat has ended, and the visitor is told so.",
    close_not_open: "The chat has ended already.",
    reopen_done: "The chat goes on: the visitor's page finds out when it next asks.",
    reopen_open: "The chat has not ended.",
    reopen_erased: "The visitor has had this chat erased. It cannot go on.",
    canned_sent: "The visitor was sent:\n{}",
    canned_list: "The canned replies are:",
    canned_none: "There are no canned replies (SUPPORT_CHAT_CANNED_REPLIES).",
    canned_unknown: "There is no canned reply of this name, and nothing was sent. ",
    block_done: "New chats from this visitor's address are refused until {}.",
    block_goes_on: "This one goes on.",
    block_lifted: "New chats from this visitor's address are accepted again.",
    block_usage: "Nothing was blocked: say for how long, as in !block 7d or !block 12h (0s lifts it, a year is the most).",
    block_no_address: "Nothing was blocked: it is not known from which address this chat was begun.",
    email: "Replies are mailed nowhere.",
    email_to: "Replies that the visitor has not fetched after {} are mailed to:",
    email_off: "Replies are mailed nowhere any more: the mail server has refused the visitor's address, or its owner wants no mails of this chat.",
};

pub(super) const GERMAN: StaffTexts = StaffTexts {
    units: Units::GERMAN,
    internal: "Texte in Threads, mit einer Erwähnung oder mit !note am Anfang bleiben im Team, ebenso Antworten darauf; der \
               Besucher bekommt sie nicht.",
    answers_command: "Der Besucher bekommt das nicht: Es antwortet auf einen Befehl. Senden Sie es als eigene Nachricht.",
    edit_internal: "Der Besucher sieht diese Änderung nicht: Sie bleibt im Team. Er sieht weiterhin den bisherigen Text.",
    edit_command: "Der Besucher sieht diese Änderung nicht, und kein Befehl wurde ausgeführt: Senden Sie ihn als eigene \
                   Nachricht.",
    edit_not_shown: "Der Besucher sieht diese Änderung nicht: Ihm werden nur Texte gezeigt.",
    edited_command: "Der Besucher bekommt das nicht, und kein Befehl wurde noch einmal ausgeführt: Senden Sie es als eigene \
                     Nachricht.",
    not_of_its_own: "Der Besucher bekommt das nicht, und kein Befehl wurde ausgeführt: Ein Befehl muss eine eigene Nachricht \
                     sein, keine Antwort und nicht in einem Thread.",
    not_staff: "Der Besucher bekommt das nicht, und kein Befehl wurde ausgeführt: Befehle kann nur das eingetragene Team \
                geben.",
    not_shown: "Der Besucher sieht das nicht ({}): Ihm werden nur Texte gezeigt.",
    reactions: "Der Besucher sieht keine Reaktionen.",
    things: Things {
        file: "eine Datei",
        picture: "ein Bild",
        video: "ein Video",
        voice: "eine Sprachnachricht",
        sticker: "ein Sticker",
        poll: "eine Umfrage",
        place: "ein Standort",
        call: "ein Anruf",
        encrypted: "eine verschlüsselte Nachricht",
        notice: "ein Hinweis",
        other: "etwas anderes als ein Text",
    },
    closed: "Der Besucher bekommt das nicht: Der Chat ist beendet. Mit !reopen geht er weiter.",
    expired: "Der Besucher bekommt das nicht: Der Chat ist abgelaufen. Mit !reopen geht er weiter.",
    erased: "Der Besucher bekommt das nicht: Er hat diesen Chat löschen lassen. Der Chat kann nicht weitergehen.",
    gone: "Der Besucher ist gegangen. Er bekommt das, wenn er wiederkommt; es wird nicht per E-Mail gesendet.",
    gone_mailed: "Der Besucher ist gegangen. Er bekommt das, wenn er wiederkommt; kommt er nicht innerhalb von {}, erfährt er per E-Mail, dass es wartet.",
    help: "!note TEXT – bleibt im Team\n\
           !r – zählt die Textbausteine auf\n\
           !r NAME – sendet einen davon an den Besucher\n\
           !close – beendet den Chat\n\
           !reopen – lässt einen beendeten Chat weitergehen\n\
           !block 7d – lehnt so lange neue Chats von der Adresse dieses Besuchers ab (0s: hebt das auf)\n\
           !email – sagt, wohin Antworten per E-Mail gehen\n\
           !help – sagt dies",
    unknown: "Diesen Befehl gibt es nicht; der Besucher bekommt das nicht. Die Befehle sind:",
    misused: "Nichts wurde getan, und der Besucher bekommt das nicht: Auf diesen Befehl darf nichts folgen. Die Befehle sind:",
    close_done: "Der Chat ist beendet, und der Besucher erfährt es.",
    close_not_open: "Der Chat ist schon beendet.",
    reopen_done: "Der Chat geht weiter: Die Seite des Besuchers erfährt es, wenn sie das nächste Mal fragt.",
    reopen_open: "Der Chat ist nicht beendet.",
    reopen_erased: "Die Besucherin oder der Besucher hat diesen Chat löschen lassen. Er kann nicht weitergehen.",
    canned_sent: "Dem Besucher wurde gesendet:\n{}",
    canned_list: "Die Textbausteine sind:",
    canned_none: "Es gibt keine Textbausteine (SUPPORT_CHAT_CANNED_REPLIES).",
    canned_unknown: "Einen Textbaustein dieses Namens gibt es nicht, und nichts wurde gesendet. ",
    block_done: "Neue Chats von der Adresse dieses Besuchers werden bis {} abgelehnt.",
    block_goes_on: "Dieser geht weiter.",
    block_lifted: "Neue Chats von der Adresse dieses Besuchers werden wieder angenommen.",
    block_usage: "Nichts wurde gesperrt: Sagen Sie, für wie lange, etwa !block 7d oder !block 12h (0s hebt es auf, höchstens \
                  ein Jahr).",
    block_no_address: "Nichts wurde gesperrt: Von welcher Adresse dieser Chat begonnen wurde, ist nicht bekannt.",
    email: "Antworten werden nirgendwohin per E-Mail gesendet.",
    email_to: "Antworten, die der Besucher nach {} nicht abgeholt hat, gehen per E-Mail an:",
    email_off: "Antworten werden nicht mehr per E-Mail gesendet: Der Mailserver hat die Adresse des Besuchers abgelehnt, oder ihr Inhaber will zu diesem Chat keine E-Mails.",
};

pub(super) const FRENCH: StaffTexts = StaffTexts {
    units: Units::FRENCH,
    internal: "Les textes dans un fil, avec une mention ou commençant par !note restent dans l’équipe, de même que leurs \
               réponses\u{a0}; le visiteur ne les reçoit pas.",
    answers_command: "Le visiteur ne reçoit pas ceci\u{a0}: c’est une réponse à une commande. Envoyez-le dans un message \
                      à part.",
    edit_internal: "Le visiteur ne voit pas cette modification\u{a0}: elle reste dans l’équipe. Il voit toujours l’ancien \
                    texte.",
    edit_command: "Le visiteur ne voit pas cette modification et aucune commande n’a été exécutée\u{a0}: envoyez-la dans \
                   un \
                   message à part.",
    edit_not_shown: "Le visiteur ne voit pas cette modification\u{a0}: seuls les textes lui sont montrés.",
    edited_command: "Le visiteur ne reçoit pas ceci et aucune commande n’a été exécutée de nouveau\u{a0}: envoyez-le dans \
                     un \
                     message à part.",
    not_of_its_own: "Le visiteur ne reçoit pas ceci et aucune commande n’a été exécutée\u{a0}: une commande doit être un \
                     message à \
                     part, ni une réponse ni dans un fil.",
    not_staff: "Le visiteur ne reçoit pas ceci et aucune commande n’a été exécutée\u{a0}: seule l’équipe configurée peut \
                donner \
                des commandes.",
    not_shown: "Le visiteur ne voit pas ceci ({})\u{a0}: seuls les textes lui sont montrés.",
    reactions: "Le visiteur ne voit pas les réactions.",
    things: Things {
        file: "un fichier",
        picture: "une image",
        video: "une vidéo",
        voice: "un message vocal",
        sticker: "un autocollant",
        poll: "un sondage",
        place: "un lieu",
        call: "un appel",
        encrypted: "un message chiffré",
        notice: "un avis",
        other: "autre chose qu’un texte",
    },
    closed: "Le visiteur ne reçoit pas ceci : la conversation est terminée. !reopen la reprend.",
    expired: "Le visiteur ne reçoit pas ceci : la conversation a expiré. !reopen la reprend.",
    erased: "Le visiteur ne reçoit pas ceci : il a fait effacer cette conversation. Elle ne peut pas reprendre.",
    gone: "Le visiteur est parti. Il recevra ceci à son retour ; aucun e-mail n’est envoyé.",
    gone_mailed: "Le visiteur est parti. Il recevra ceci à son retour ; s’il ne revient pas d’ici {}, un e-mail lui annoncera que cela l’attend.",
    help: "!note TEXTE – reste dans l’équipe\n\
           !r – liste les réponses types\n\
           !r NOM – en envoie une au visiteur\n\
           !close – termine la conversation\n\
           !reopen – reprend une conversation terminée\n\
           !block 7d – refuse d’autant les nouvelles conversations depuis l’adresse de ce visiteur (0s : annule)\n\
           !email – dit où les réponses sont envoyées par e-mail\n\
           !help – affiche ceci",
    unknown: "Cette commande n’existe pas ; le visiteur ne reçoit pas ceci. Les commandes sont :",
    misused: "Rien n’a été fait et le visiteur ne reçoit pas ceci : rien ne doit suivre cette commande. Les commandes sont :",
    close_done: "La conversation est terminée et le visiteur en est informé.",
    close_not_open: "La conversation est déjà terminée.",
    reopen_done: "La conversation reprend\u{a0}: la page du visiteur l’apprendra à sa prochaine demande.",
    reopen_open: "La conversation n’est pas terminée.",
    reopen_erased: "Le visiteur a fait effacer cette conversation. Elle ne peut pas reprendre.",
    canned_sent: "Le visiteur a reçu\u{a0}:\n{}",
    canned_list: "Les réponses types sont\u{a0}:",
    canned_none: "Il n’y a pas de réponses types (SUPPORT_CHAT_CANNED_REPLIES).",
    canned_unknown: "Il n’y a pas de réponse type de ce nom et rien n’a été envoyé. ",
    block_done: "Les nouvelles conversations depuis l’adresse de ce visiteur sont refusées jusqu’au {}.",
    block_goes_on: "Celle-ci continue.",
    block_lifted: "Les nouvelles conversations depuis l’adresse de ce visiteur sont de nouveau acceptées.",
    block_usage: "Rien n’a été bloqué : dites pour combien de temps, par exemple !block 7d ou !block 12h (0s annule, un \
                  an au \
                  plus).",
    block_no_address: "Rien n’a été bloqué : l’adresse depuis laquelle cette conversation a commencé n’est pas connue.",
    email: "Les réponses ne sont envoyées nulle part par e-mail.",
    email_to: "Les réponses que le visiteur n’a pas reçues après {} sont annoncées par e-mail à :",
    email_off: "Les réponses ne sont plus envoyées par e-mail : le serveur de messagerie a refusé l’adresse du visiteur, ou son titulaire ne veut pas d’e-mails sur ce chat.",
};

pub(super) const SPANISH: StaffTexts = StaffTexts {
    units: Units::SPANISH,
    internal: "Los textos en hilos, con una mención o que empiezan por !note quedan en el equipo, igual que las respuestas a \
               ellos; el visitante no los recibe.",
    answers_command: "El visitante no recibe esto: responde a un comando. Envíelo como mensaje aparte.",
    edit_internal: "El visitante no ve este cambio: queda en el equipo. Sigue viendo el texto anterior.",
    edit_command: "El visitante no ve este cambio y no se ejecutó ningún comando: envíelo como mensaje aparte.",
    edit_not_shown: "El visitante no ve este cambio: solo se le muestran textos.",
    edited_command: "El visitante no recibe esto y no se ejecutó de nuevo ningún comando: envíelo como mensaje aparte.",
    not_of_its_own: "El visitante no recibe esto y no se ejecutó ningún comando: un comando ha de ser un mensaje aparte, no una \
                     respuesta ni parte de un hilo.",
    not_staff: "El visitante no recibe esto y no se ejecutó ningún comando: solo el equipo configurado puede dar comandos.",
    not_shown: "El visitante no ve esto ({}): solo se le muestran textos.",
    reactions: "El visitante no ve las reacciones.",
    things: Things {
        file: "un archivo",
        picture: "una imagen",
        video: "un vídeo",
        voice: "un mensaje de voz",
        sticker: "una pegatina",
        poll: "una encuesta",
        place: "un lugar",
        call: "una llamada",
        encrypted: "un mensaje cifrado",
        notice: "un aviso",
        other: "algo que no es un texto",
    },
    closed: "El visitante no recibe esto: el chat ha terminado. !reopen lo continúa.",
    expired: "El visitante no recibe esto: el chat ha caducado. !reopen lo continúa.",
    erased: "El visitante no recibe esto: ha hecho borrar este chat. No puede continuar.",
    gone: "El visitante se ha ido. Recibirá esto cuando vuelva; no se envía por correo.",
    gone_mailed: "El visitante se ha ido. Recibirá esto cuando vuelva; si no vuelve en {}, se le avisará por correo de que le espera.",
    help: "!note TEXTO – queda en el equipo\n\
           !r – lista las respuestas preparadas\n\
           !r NOMBRE – envía una al visitante\n\
           !close – termina el chat\n\
           !reopen – continúa un chat terminado\n\
           !block 7d – rechaza durante ese tiempo chats nuevos desde la dirección de este visitante (0s: lo anula)\n\
           !email – dice adónde se envían las respuestas por correo\n\
           !help – muestra esto",
    unknown: "No existe ese comando; el visitante no recibe esto. Los comandos son:",
    misused: "No se hizo nada y el visitante no recibe esto: nada puede seguir a este comando. Los comandos son:",
    close_done: "El chat ha terminado y se le comunica al visitante.",
    close_not_open: "El chat ya ha terminado.",
    reopen_done: "El chat continúa: la página del visitante lo sabrá cuando vuelva a preguntar.",
    reopen_open: "El chat no ha terminado.",
    reopen_erased: "El visitante ha hecho borrar este chat. No puede continuar.",
    canned_sent: "Se envió al visitante:\n{}",
    canned_list: "Las respuestas preparadas son:",
    canned_none: "No hay respuestas preparadas (SUPPORT_CHAT_CANNED_REPLIES).",
    canned_unknown: "No hay ninguna respuesta preparada con ese nombre y no se envió nada. ",
    block_done: "Los chats nuevos desde la dirección de este visitante se rechazan hasta {}.",
    block_goes_on: "Este continúa.",
    block_lifted: "Los chats nuevos desde la dirección de este visitante se aceptan de nuevo.",
    block_usage: "No se bloqueó nada: diga por cuánto tiempo, como !block 7d o !block 12h (0s lo anula, un año como máximo).",
    block_no_address: "No se bloqueó nada: no se sabe desde qué dirección empezó este chat.",
    email: "Las respuestas no se envían por correo a ninguna parte.",
    email_to: "Las respuestas que el visitante no ha recibido después de {} se anuncian por correo a:",
    email_off: "Las respuestas ya no se envían por correo: el servidor de correo ha rechazado la dirección del visitante, o su titular no quiere correos de este chat.",
};

pub(super) const UKRAINIAN: StaffTexts = StaffTexts {
    units: Units::UKRAINIAN,
    internal: "Тексти в гілках, зі згадкою або з !note на початку залишаються в команді, як і відповіді на них; відвідувач їх \
               не отримує.",
    answers_command: "Відвідувач цього не отримає: це відповідь на команду. Надішліть це окремим повідомленням.",
    edit_internal: "Відвідувач не бачить цієї зміни: вона залишається в команді. Він і далі бачить попередній текст.",
    edit_command: "Відвідувач не бачить цієї зміни, і жодної команди не виконано: надішліть її окремим повідомленням.",
    edit_not_shown: "Відвідувач не бачить цієї зміни: йому показують лише тексти.",
    edited_command: "Відвідувач цього не отримає, і жодної команди не виконано знову: надішліть це окремим повідомленням.",
    not_of_its_own: "Відвідувач цього не отримає, і жодної команди не виконано: команда має бути окремим повідомленням, не \
                     відповіддю й не частиною гілки.",
    not_staff: "Відвідувач цього не отримає, і жодної команди не виконано: команди можуть давати лише працівники \
                підтримки, указані в налаштуваннях.",
    not_shown: "Відвідувач цього не бачить ({}): йому показують лише тексти.",
    reactions: "Відвідувач не бачить реакцій.",
    things: Things {
        file: "файл",
        picture: "зображення",
        video: "відео",
        voice: "голосове повідомлення",
        sticker: "наліпка",
        poll: "опитування",
        place: "місце",
        call: "дзвінок",
        encrypted: "зашифроване повідомлення",
        notice: "сповіщення",
        other: "не текст",
    },
    closed: "Відвідувач цього не отримає: розмову завершено. !reopen її продовжить.",
    expired: "Відвідувач цього не отримає: час розмови сплив. !reopen її продовжить.",
    erased: "Відвідувач цього не отримає: він попросив стерти цю розмову. Її не можна продовжити.",
    gone: "Відвідувач пішов. Він отримає це, коли повернеться; електронною поштою це не надсилається.",
    gone_mailed: "Відвідувач пішов. Він отримає це, коли повернеться; якщо не повернеться протягом {}, йому надійде лист, що відповідь чекає.",
    help: "!note ТЕКСТ – залишається в команді\n\
           !r – перелічує готові відповіді\n\
           !r НАЗВА – надсилає одну з них відвідувачу\n\
           !close – завершує розмову\n\
           !reopen – продовжує завершену розмову\n\
           !block 7d – відхиляє стільки часу нові розмови з адреси цього відвідувача (0s: скасовує)\n\
           !email – каже, куди відповіді надсилаються поштою\n\
           !help – показує це",
    unknown: "Такої команди немає; відвідувач цього не отримає. Команди:",
    misused: "Нічого не зроблено, і відвідувач цього не отримає: після цієї команди нічого не має бути. Команди:",
    close_done: "Розмову завершено, і відвідувачу про це повідомлено.",
    close_not_open: "Розмову вже завершено.",
    reopen_done: "Розмова триває: сторінка відвідувача дізнається про це під час наступного запиту.",
    reopen_open: "Розмову не завершено.",
    reopen_erased: "Відвідувач попросив стерти цю розмову. Її не можна продовжити.",
    canned_sent: "Відвідувачу надіслано:\n{}",
    canned_list: "Готові відповіді:",
    canned_none: "Готових відповідей немає (SUPPORT_CHAT_CANNED_REPLIES).",
    canned_unknown: "Готової відповіді з такою назвою немає, і нічого не надіслано. ",
    block_done: "Нові розмови з адреси цього відвідувача відхиляються до {}.",
    block_goes_on: "Ця триває.",
    block_lifted: "Нові розмови з адреси цього відвідувача знову приймаються.",
    block_usage: "Нічого не заблоковано: скажіть, на скільки, наприклад !block 7d або !block 12h (0s скасовує, щонайбільше \
                  рік).",
    block_no_address: "Нічого не заблоковано: невідомо, з якої адреси почалася ця розмова.",
    email: "Відповіді нікуди не надсилаються поштою.",
    email_to: "Про відповіді, яких відвідувач не отримав за {}, надсилається лист на адресу:",
    email_off: "Листи більше не надсилаються: поштовий сервер відхилив адресу відвідувача, або її власник не хоче листів про цей чат.",
};

pub(super) const ARABIC: StaffTexts = StaffTexts {
    units: Units::ARABIC,
    internal: "تبقى النصوص في سلاسل المحادثة، أو التي فيها إشارة إلى شخص، أو التي تبدأ بـ !note، بين أعضاء الفريق، وكذلك الردود \
               عليها؛ ولا تصل إلى الزائر.",
    answers_command: "لا يصل هذا إلى الزائر: إنه رد على أمر. أرسله في رسالة مستقلة.",
    edit_internal: "لا يرى الزائر هذا التعديل: إنه بين أعضاء الفريق. ما زال يرى النص السابق.",
    edit_command: "لا يرى الزائر هذا التعديل، ولم يُنفَّذ أي أمر: أرسله في رسالة مستقلة.",
    edit_not_shown: "لا يرى الزائر هذا التعديل: لا تُعرض عليه إلا النصوص.",
    edited_command: "لا يصل هذا إلى الزائر، ولم يُنفَّذ أي أمر من جديد: أرسله في رسالة مستقلة.",
    not_of_its_own: "لا يصل هذا إلى الزائر، ولم يُنفَّذ أي أمر: يجب أن يكون الأمر رسالة مستقلة، لا ردًا ولا داخل سلسلة محادثة.",
    not_staff: "لا يصل هذا إلى الزائر، ولم يُنفَّذ أي أمر: لا يحق إعطاء الأوامر إلا لأعضاء الفريق المحددين في الإعدادات.",
    not_shown: "لا يرى الزائر هذا ({}): لا تُعرض عليه إلا النصوص.",
    reactions: "لا يرى الزائر التفاعلات.",
    things: Things {
        file: "ملف",
        picture: "صورة",
        video: "فيديو",
        voice: "رسالة صوتية",
        sticker: "ملصق",
        poll: "استطلاع",
        place: "موقع",
        call: "مكالمة",
        encrypted: "رسالة مشفرة",
        notice: "إشعار",
        other: "شيء غير نصي",
    },
    closed: "لا يصل هذا إلى الزائر: انتهت المحادثة. الأمر !reopen يستأنفها.",
    expired: "لا يصل هذا إلى الزائر: انتهت صلاحية المحادثة. الأمر !reopen يستأنفها.",
    erased: "لا يصل هذا إلى الزائر: فقد طلب محو هذه المحادثة. لا يمكن متابعتها.",
    gone: "غادر الزائر. سيصله هذا عندما يعود؛ ولا يُرسل بالبريد الإلكتروني.",
    gone_mailed: "غادر الزائر. سيصله هذا عند عودته؛ وإن لم يعد خلال {} يصله بريد إلكتروني بأن ردًا ينتظره.",
    help: "!note نص – يبقى بين أعضاء الفريق\n\
           !r – يسرد الردود الجاهزة\n\
           !r اسم – يرسل أحدها إلى الزائر\n\
           !close – ينهي المحادثة\n\
           !reopen – يستأنف محادثة منتهية\n\
           !block 7d – يرفض المحادثات الجديدة من عنوان هذا الزائر لهذه المدة (0s: يلغي ذلك)\n\
           !email – يقول إلى أين تُرسل الردود بالبريد\n\
           !help – يعرض هذا",
    unknown: "لا يوجد أمر كهذا؛ ولا يصل هذا إلى الزائر. الأوامر هي:",
    misused: "لم يُنفَّذ شيء، ولا يصل هذا إلى الزائر: لا يجوز أن يتبع هذا الأمر أي نص. الأوامر هي:",
    close_done: "انتهت المحادثة، ويُبلَّغ الزائر بذلك.",
    close_not_open: "المحادثة منتهية من قبل.",
    reopen_done: "تستمر المحادثة: تعلم صفحة الزائر بذلك عندما تسأل في المرة القادمة.",
    reopen_open: "المحادثة غير منتهية.",
    reopen_erased: "طلب الزائر محو هذه المحادثة. لا يمكن متابعتها.",
    canned_sent: "أُرسل إلى الزائر:\n{}",
    canned_list: "الردود الجاهزة هي:",
    canned_none: "لا توجد ردود جاهزة (SUPPORT_CHAT_CANNED_REPLIES).",
    canned_unknown: "لا يوجد رد جاهز بهذا الاسم، ولم يُرسل شيء. ",
    block_done: "تُرفض المحادثات الجديدة من عنوان هذا الزائر حتى {}.",
    block_goes_on: "تستمر هذه المحادثة.",
    block_lifted: "تُقبل المحادثات الجديدة من عنوان هذا الزائر من جديد.",
    block_usage: "لم يُحظر شيء: قل لأي مدة، مثل !block 7d أو !block 12h (0s يلغيه، وسنة على الأكثر).",
    block_no_address: "لم يُحظر شيء: لا يُعرف من أي عنوان بدأت هذه المحادثة.",
    email: "لا تُرسل الردود بالبريد إلى أي مكان.",
    email_to: "الردود التي لم يستلمها الزائر بعد {} يُعلَم بها بالبريد إلى:",
    email_off: "لم تعد الردود تُرسل بالبريد: رفض خادم البريد عنوان الزائر، أو أن صاحبه لا يريد رسائل عن هذه المحادثة.",
};
