/**
 * Where the stack under test is. `cargo xtask test` starts it and sets these variables. None has a
 * default, so that a test never talks to a server by accident.
 */
export const environment = {
  /** The origin of the landing page and of the chat API. */
  baseUrl: () => required("BASE_URL"),
  /** Another origin, on which the server allows websites to embed the widget. */
  hostUrl: () => required("HOST_URL"),
  /** The Matrix homeserver's client API. */
  homeserverUrl: () => required("HOMESERVER_URL"),
  /** The Matrix ids of the two members of the staff. */
  alice: () => required("STAFF_ALICE"),
  bob: () => required("STAFF_BOB"),
  /** The password of both members of the staff. */
  staffPassword: () => required("STAFF_PASSWORD"),
  /** The support bot, which sees whole rooms. */
  bot: () => required("BOT_MXID"),
  botPassword: () => required("BOT_PASSWORD"),
  /** The support server's database. */
  databaseUrl: () => required("DATABASE_URL"),
  /** The file to which the support server logs at level trace. */
  serverLog: () => required("SERVER_LOG"),
  /** A program that kills the homeserver (`synapse stop`) and starts it (`synapse start`). */
  partsControl: () => required("PARTS_CONTROL"),
  /** Where a mail server leaves what the support server mails; nothing where no mail server can run. */
  maildir: () => process.env.MAIL_SERVER_MAILDIR,
  /** The support server's health, readiness and metrics. */
  serverAdminUrl: () => required("SERVER_ADMIN_URL"),
};

export function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the tests with \`cargo xtask test\``);
  return value;
}
