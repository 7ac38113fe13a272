import {
  ClientEvent,
  EventType,
  type IRoomEvent,
  KnownMembership,
  type MatrixClient,
  MsgType,
  type Room,
  SyncState,
} from "matrix-js-sdk";
import type { RoomMessageEventContent } from "matrix-js-sdk/lib/types.js";

import { outboxEmpty } from "./database.ts";
import { clientFor, type Login, patiently, type RoomMessage } from "./matrix.ts";

const PATIENCE_MS = 45_000;

/** Starts a member's Matrix client, and waits until it has everything that the homeserver has. */
export async function startClient(login: Login): Promise<MatrixClient> {
  const client = clientFor(login);
  await client.startClient({ initialSyncLimit: 100 });
  await until(client, `${login.userId} has synced`, () =>
    client.getSyncState() === SyncState.Syncing ? true : undefined,
  );
  return client;
}

/** A room as its members see it. */
export interface RoomFace {
  name: string;
  topic: string;
  joinRule: string;
  /** The membership (`invite`, `join`, ...) of each known user id. */
  members: Record<string, string>;
}

/** What a member's app does for an event. */
export interface Ring {
  /** Whether it notifies the member and counts the event as unread. */
  notifies: boolean;
  sounds: boolean;
  /** Whether it highlights the event for this member. */
  highlights: boolean;
}

const DESK = "Support desk";

/** A member of the staff at a Matrix app, in one test. Rooms from before the test are ignored. */
export class Staff {
  readonly userId: string;
  readonly #client: MatrixClient;
  readonly #earlierRooms: Set<string>;

  constructor(
    client: MatrixClient,
    earlierRooms = new Set(client.getRooms().map((room) => room.roomId)),
  ) {
    this.#client = client;
    this.userId = client.getSafeUserId();
    this.#earlierRooms = earlierRooms;
  }

  /** Prepares for a new test, once everything from earlier tests is done. */
  static async arriving(client: MatrixClient): Promise<Staff> {
    await outboxEmpty();
    // The homeserver is asked, because the app may not know of the last invitation yet.
    return new Staff(client, await roomsOf(client));
  }

  /** The rooms of this test, including invitations. */
  newRooms(): string[] {
    return this.#client
      .getRooms()
      // The desk is not a conversation.
      .filter((room) => room.name !== DESK)
      .map((room) => room.roomId)
      .filter((id) => !this.#earlierRooms.has(id));
  }

  /** Waits for an invitation to this room, or to any new one; returns the room's id. */
  async waitForInvite(roomId?: string): Promise<string> {
    return this.#until(`an invitation to ${roomId ?? "a new room"}`, () =>
      this.newRooms()
        .filter((id) => roomId === undefined || id === roomId)
        .find((id) => this.#room(id).getMyMembership() === KnownMembership.Invite),
    );
  }

  /** Accepts the invitation. */
  async join(roomId: string): Promise<void> {
    await patiently(() => this.#client.joinRoom(roomId));
    await this.#until(`membership of ${roomId}`, () => {
      const room = this.#client.getRoom(roomId);
      // The state arrives with the room's first sync, in which the member has joined.
      return room?.getMyMembership() === KnownMembership.Join && room.getMember(this.userId)
        ? true
        : undefined;
    });
  }

  /** Waits for an invitation to this room, or to any new one, and accepts it. */
  async acceptInvite(expected?: string): Promise<string> {
    const roomId = await this.waitForInvite(expected);
    await this.join(roomId);
    return roomId;
  }

  /** Joins the desk if that did not happen in an earlier test; returns the room's id. */
  async enterDesk(): Promise<string> {
    const desk = await this.#until("the desk", () =>
      this.#client.getRooms().find((room) => room.name === DESK),
    );
    await this.join(desk.roomId);
    return desk.roomId;
  }

  async leave(roomId: string): Promise<void> {
    await patiently(() => this.#client.leave(roomId));
  }

  /** Waits until the member's app sees nobody else in the room. */
  async waitUntilAloneWith(roomId: string, other: string): Promise<void> {
    await this.#until(`nobody but ${other} in ${roomId}`, () => {
      const joined = this.#room(roomId).getJoinedMembers();
      const others = joined.map(({ userId }) => userId).filter((id) => id !== this.userId);
      return others.length === 1 && others[0] === other ? true : undefined;
    });
  }

  /** What the member's app does for an event, by its push rules. */
  ring(event: IRoomEvent): Ring {
    // The event as it arrives, without later additions by the homeserver.
    const { unsigned: _, ...fresh } = event;
    const mapped = this.#client.getEventMapper()(fresh);
    const actions = this.#client.getPushActionsForEvent(mapped, true);
    const { notify = false, tweaks = {} } = actions ?? {};
    return {
      notifies: notify,
      sounds: notify && Boolean(tweaks.sound),
      highlights: notify && Boolean(tweaks.highlight),
    };
  }

  /** Sends a picture; returns its event. */
  async sendPicture(roomId: string): Promise<string> {
    return this.#sendMessage(roomId, {
      msgtype: MsgType.Image,
      body: "prices.png",
      url: "mxc://localhost/prices",
    });
  }

  /** Sends a message to the room. */
  async send(roomId: string, body: string): Promise<string> {
    return this.#sendMessage(roomId, { msgtype: MsgType.Text, body });
  }

  /** Sends a formatted message as apps do for bold text: HTML, and plain text for other clients. */
  async sendFormatted(roomId: string, body: string, html: string): Promise<string> {
    return this.#sendMessage(roomId, {
      msgtype: MsgType.Text,
      body,
      format: "org.matrix.custom.html",
      formatted_body: html,
    });
  }

  /**
   * Waits until the member can read a message that contains `text`, including notices of the bot.
   */
  async waitForText(roomId: string, text: string): Promise<RoomMessage> {
    return this.#until(`"${text}" in ${roomId}`, () =>
      this.readTimeline(roomId).find((message) => message.body.includes(text)),
    );
  }

  /** Every message that the member can read in the room now, oldest first. */
  readTimeline(roomId: string): RoomMessage[] {
    const events = this.#room(roomId).getLiveTimeline().getEvents();
    return (
      events
        .filter((event) => event.getType() === EventType.RoomMessage)
        // Events with a status are the app's local echoes, which are not in the room yet.
        .filter((event) => event.status === null)
        .map((event) => ({
          eventId: event.getId() ?? "",
          sender: event.getSender() ?? "",
          msgtype: String(event.getContent().msgtype),
          body: String(event.getContent().body),
        }))
    );
  }

  /** What the member's app shows about the room itself. */
  describe(roomId: string): RoomFace {
    const room = this.#room(roomId);
    const members = room.getMembers().map((member) => [member.userId, member.membership ?? ""]);
    const topic = room.currentState.getStateEvents(EventType.RoomTopic, "");
    return {
      name: room.name,
      topic: String(topic?.getContent().topic),
      joinRule: room.getJoinRule(),
      members: Object.fromEntries(members),
    };
  }

  /**
   * Reconnects at once after an outage of the homeserver, instead of waiting for the app's
   * back-off.
   */
  async reconnect(): Promise<void> {
    this.#client.retryImmediately();
    await this.#until("the homeserver to answer again", () =>
      this.#client.getSyncState() === SyncState.Syncing ? true : undefined,
    );
  }

  async #sendMessage(roomId: string, content: RoomMessageEventContent): Promise<string> {
    const sent = await patiently(() => this.#client.sendMessage(roomId, content));
    return sent.event_id;
  }

  #room(roomId: string): Room {
    const room = this.#client.getRoom(roomId);
    if (!room) throw new Error(`${this.userId} does not see ${roomId}`);
    return room;
  }

  #until<T>(what: string, look: () => T | undefined): Promise<T> {
    return until(this.#client, `${this.userId}: ${what}`, look);
  }
}

/** The member's rooms by the homeserver's account, including invitations. */
async function roomsOf(client: MatrixClient): Promise<Set<string>> {
  const url = new URL("/_matrix/client/v3/sync", client.getHomeserverUrl());
  url.searchParams.set("timeout", "0");
  const headers = { Authorization: `Bearer ${client.getAccessToken()}` };
  const answer = await fetch(url, { headers });
  if (!answer.ok) throw new Error(`sync: ${answer.status}`);
  const { rooms = {} } = (await answer.json()) as { rooms?: Record<string, object> };
  return new Set(Object.values(rooms).flatMap((kind) => Object.keys(kind)));
}

/** Calls `look` now and after every sync, until it finds something. */
function until<T>(client: MatrixClient, what: string, look: () => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => {
      stop();
      reject(new Error(`waited ${PATIENCE_MS / 1_000} s in vain for ${what}`));
    }, PATIENCE_MS);
    const stop = () => {
      clearTimeout(patience);
      client.off(ClientEvent.Sync, check);
    };
    const check = () => {
      try {
        const found = look();
        if (found === undefined) return;
        resolve(found);
      } catch (error) {
        reject(error);
      }
      stop();
    };
    client.on(ClientEvent.Sync, check);
    check();
  });
}
