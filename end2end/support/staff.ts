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

/** Starts a staff member's Matrix client and waits until it has everything the homeserver has. */
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
  /** Membership (`invite`, `join`, ...) by user id, of those that are known of. */
  members: Record<string, string>;
}

/** What a member's app does when an event comes. */
export interface Ring {
  /** It tells of the event, and counts it as unread. */
  notifies: boolean;
  sounds: boolean;
  /** It shows that the event is for this member in particular. */
  highlights: boolean;
}

const DESK = "Support desk";

/**
 * A member of the support staff at a Matrix app, through one test: rooms that were there before the test are none of
 * its business.
 */
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

  /** Comes to a new test, when all that earlier tests have begun is done. */
  static async arriving(client: MatrixClient): Promise<Staff> {
    await outboxEmpty();
    // The homeserver is asked: the app may not have heard of the last invitation yet.
    return new Staff(client, await roomsOf(client));
  }

  /** The rooms this test has brought, invitations included. */
  newRooms(): string[] {
    return this.#client
      .getRooms()
      // The desk is no conversation.
      .filter((room) => room.name !== DESK)
      .map((room) => room.roomId)
      .filter((id) => !this.#earlierRooms.has(id));
  }

  /** Waits for an invitation, to this room or else to any new one; answers the room's id. */
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
      // The state arrives with the room's first sync, in which the member finds itself.
      return room?.getMyMembership() === KnownMembership.Join && room.getMember(this.userId)
        ? true
        : undefined;
    });
  }

  /** Waits for an invitation, to this room or else to any new one, and accepts it. */
  async acceptInvite(expected?: string): Promise<string> {
    const roomId = await this.waitForInvite(expected);
    await this.join(roomId);
    return roomId;
  }

  /** Goes to the desk, which may have invited them in an earlier test; answers the room's id. */
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

  /** Waits until the member's app knows of nobody else in the room. */
  async waitUntilAloneWith(roomId: string, other: string): Promise<void> {
    await this.#until(`nobody but ${other} in ${roomId}`, () => {
      const joined = this.#room(roomId).getJoinedMembers();
      const others = joined.map(({ userId }) => userId).filter((id) => id !== this.userId);
      return others.length === 1 && others[0] === other ? true : undefined;
    });
  }

  /** What the member's app does about an event, by its own push rules. */
  ring(event: IRoomEvent): Ring {
    // The event as it arrives, without what the homeserver learned later.
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

  /** Sends a picture; answers its event. */
  async sendPicture(roomId: string): Promise<string> {
    return this.#sendMessage(roomId, {
      msgtype: MsgType.Image,
      body: "prices.png",
      url: "mxc://localhost/prices",
    });
  }

  /** Writes into the room. */
  async send(roomId: string, body: string): Promise<string> {
    return this.#sendMessage(roomId, { msgtype: MsgType.Text, body });
  }

  /** Writes a formatted message, as apps do for bold text: HTML, and plain text for who does not show HTML. */
  async sendFormatted(roomId: string, body: string, html: string): Promise<string> {
    return this.#sendMessage(roomId, {
      msgtype: MsgType.Text,
      body,
      format: "org.matrix.custom.html",
      formatted_body: html,
    });
  }

  /** Waits until the member can read a message whose text contains `text`, the bot's notices included. */
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
        // Events with a status are the app's own echoes, which are not in the room yet.
        .filter((event) => event.status === null)
        .map((event) => ({
          eventId: event.getId() ?? "",
          sender: event.getSender() ?? "",
          msgtype: String(event.getContent().msgtype),
          body: String(event.getContent().body),
        }))
    );
  }

  /** What the member's app shows of the room itself. */
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

  /** After the homeserver was away: connects now instead of when the app's back-off ends. */
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

/** The rooms that the homeserver knows for this member now, invitations included. */
async function roomsOf(client: MatrixClient): Promise<Set<string>> {
  const url = new URL("/_matrix/client/v3/sync", client.getHomeserverUrl());
  url.searchParams.set("timeout", "0");
  const headers = { Authorization: `Bearer ${client.getAccessToken()}` };
  const answer = await fetch(url, { headers });
  if (!answer.ok) throw new Error(`sync: ${answer.status}`);
  const { rooms = {} } = (await answer.json()) as { rooms?: Record<string, object> };
  return new Set(Object.values(rooms).flatMap((kind) => Object.keys(kind)));
}

/** Looks now and after every sync, until `look` finds something. */
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
