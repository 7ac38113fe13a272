import { setTimeout as delay } from "node:timers/promises";

import loglevel from "loglevel";
import { createClient, type MatrixClient, MatrixError } from "matrix-js-sdk";

import { environment } from "./environment.ts";

/**
 * A login that the worker processes share, because hardened homeservers limit the number of logins.
 */
export interface Login {
  userId: string;
  deviceId: string;
  accessToken: string;
}

/** A text message in a room. */
export interface RoomMessage {
  eventId: string;
  sender: string;
  /** `m.text` for what people write, and `m.notice` for the bot's own notices. */
  msgtype: string;
  body: string;
}

// The SDK logs a lot to the console. Loggers that it creates later inherit this level.
for (const logger of Object.values(loglevel.getLoggers())) {
  logger.methodFactory = () => () => {};
  logger.rebuild();
}

/** Logs in with a password, as a Matrix app does. */
export async function logIn(userId: string, password: string): Promise<Login> {
  const client = createClient({ baseUrl: environment.homeserverUrl() });
  const answer = await patiently(() =>
    client.loginRequest({
      type: "m.login.password",
      identifier: { type: "m.id.user", user: userId },
      password,
      initial_device_display_name: "end-to-end tests",
    }),
  );
  return {
    userId: answer.user_id,
    deviceId: answer.device_id,
    accessToken: answer.access_token,
  };
}

/** Creates a client for an earlier login, without starting it. */
export function clientFor(login: Login): MatrixClient {
  return createClient({ baseUrl: environment.homeserverUrl(), ...login });
}

/** Repeats the request when the homeserver limits it, after the wait that it demands. */
export async function patiently<T>(request: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof MatrixError && error.isRateLimitError())) throw error;
      await delay(error.getRetryAfterMs() ?? 1_000);
    }
  }
}
