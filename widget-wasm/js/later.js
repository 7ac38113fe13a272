// The texts that no opening of the chat waits for.
const LOCALES = {
  __proto__: null,
  ar: () => import("./locales/later-ar.js"),
  de: () => import("./locales/later-de.js"),
  en: () => import("./locales/later-en.js"),
  es: () => import("./locales/later-es.js"),
  fr: () => import("./locales/later-fr.js"),
  uk: () => import("./locales/later-uk.js"),
};

/** Those of a language, or in English; where they do not come, nothing. */
export async function textsIn(language) {
  const locale = await (LOCALES[language] ?? LOCALES.en)().catch(() => {});
  return locale?.default;
}
