/** Generates the TypeScript declaration of a locale: its keys, each with its text. */
export const typesOf = (texts) => `/** The widget's texts in English, by their keys. */
declare const texts: {
${Object.entries(texts)
  .map(([key, text]) => `  /** ${JSON.stringify(text)} */\n  readonly ${key}: string;\n`)
  .join("")}};
export default texts;
`;
