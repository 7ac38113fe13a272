// Texts that are not needed to open the chat.
const LOCALES = {
  __proto__: null,
  ar: () => import("./locales/later-ar.js"),
  de: () => import("./locales/later-de.js"),
  en: () => import("./locales/later-en.js"),
  es: () => import("./locales/later-es.js"),
  fr: () => import("./locales/later-fr.js"),
  uk: () => import("./locales/later-uk.js"),
};

/** Returns the texts of a language, or the English ones; nothing if they cannot be loaded. */
export async function textsIn(language) {
  const locale = await (LOCALES[language] ?? LOCALES.en)().catch(() => {});
  return locale?.default;
}
