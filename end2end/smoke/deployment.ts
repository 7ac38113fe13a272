/** The deployment under test, as `cargo xtask smoke` describes it. */
export const deployment = {
  /** The homeserver's public address. */
  homeserver: required("SMOKE_HOMESERVER"),
  /** The bot's Matrix id. */
  bot: required("SMOKE_BOT"),
  botPassword: required("SMOKE_BOT_PASSWORD"),
  /** The Matrix id of a member of the staff. */
  staff: required("SMOKE_STAFF"),
  staffPassword: required("SMOKE_STAFF_PASSWORD"),
  /** Whether the test may begin conversations until it is told to stop. */
  mayFlood: process.env["SMOKE_MAY_FLOOD"] === "yes",
  /** A program that upgrades the deployment. */
  upgrade: process.env["SMOKE_UPGRADE"] ?? "",
};

// The variables that the helpers of the end-to-end tests read.
process.env["HOMESERVER_URL"] = deployment.homeserver;

function required(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this with \`cargo xtask smoke\``);
  return value.replace(/\/$/, "");
}
