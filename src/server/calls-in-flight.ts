/**
 * Calls outlive the daemon that read them: while one is not answered yet, its connection is held open elsewhere too,
 * and what has been read from it stands in a file. Docker then sees no close when the daemon is killed and goes on
 * waiting, and the next daemon answers the call, as if it had just come, on the same connection. Without that, Docker
 * would repeat the call with an empty body (moby: pkg/plugins/client.go).
 *
 * Both end with the connection, which is closed when the answer has been written. A daemon killed between the two
 * leaves a call that is answered; but the caller then has what it wanted and has closed its end.
 */
import { randomBytes } from 'node:crypto';
import { closeSync } from 'node:fs';
import { type Server, Socket } from 'node:net';
import type { CallNotes, NotedCall } from './call-notes.js';

/** Connections that outlive this process (keeper/held-queue.ts). */
export interface HeldConnections {
  inherit(): ReadonlyMap<string, number>;
  add(id: string, fd: number): void;
  remove(id: string): void;
}

/** What waits on a connection (native/peek.ts). */
export type Peek = (fd: number) => 'data' | 'nothing' | 'end';

/** A call as its handler knows it. */
export interface Call {
  /** 16 random hex digits; the same when the call is repeated. */
  readonly id: string;
  /** A daemon before this one may have done any part of the work. */
  readonly repeated: boolean;
}

/** How the server learns of a call what the connection that it came on tells. */
export type FindCall = (socket: Socket) => Call;

/** Without a keeper a call ends with the daemon. */
export const findNewCall: FindCall = () => ({ id: newId(), repeated: false });

/** A call that kills every daemon must not go on for ever. */
const MOST_REPEATS = 2;

export class CallsInFlight {
  readonly #held: HeldConnections;
  readonly #notes: CallNotes;
  readonly #peek: Peek;
  readonly #calls = new WeakMap<Socket, NotedCall>();
  #inherited: ReadonlyMap<string, number>;
  /** Closes of the repeated calls' connections, which Node's server does not count among its own. */
  readonly #repeated: Promise<void>[] = [];

  /** Takes over what the daemon before left; to be made before the server listens. */
  constructor(held: HeldConnections, notes: CallNotes, peek: Peek) {
    this.#held = held;
    this.#notes = notes;
    this.#peek = peek;
    this.#inherited = held.inherit();
    for (const call of notes.list()) if (!this.#inherited.has(call.id)) notes.remove(call);
  }

  /** Keeps every call that comes to the server, from its connection's first moment. */
  follow(server: Server): void {
    server.on('connection', (socket: Socket) => {
      // Those of `repeat` come this way, too.
      if (!this.#calls.has(socket)) this.#keep(socket, { id: newId(), repeats: 0 }, descriptorOf(socket));
    });
  }

  /** The call that came on a connection. */
  find(socket: Socket): Call {
    const call = this.#calls.get(socket);
    return call ? { id: call.id, repeated: call.repeats > 0 } : findNewCall(socket);
  }

  /** Has `server` answer what the daemon before was asked and did not answer. Once. */
  repeat(server: Server): void {
    const noted = new Map(this.#notes.list().map((call) => [call.id, call]));
    for (const [id, fd] of this.#inherited) {
      const call = noted.get(id);
      if (isWanted(this.#peek(fd), call)) this.#repeat(server, fd, id, call);
      else this.#drop(fd, id, call);
    }
    this.#inherited = new Map();
  }

  /** Resolves when the repeated calls are answered. */
  async repeated(): Promise<void> {
    await Promise.all(this.#repeated);
  }

  #repeat(server: Server, fd: number, id: string, call: NotedCall | undefined): void {
    const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true });
    this.#repeated.push(new Promise((resolve) => socket.once('close', () => resolve())));
    const bytes = call ? this.#notes.read(call) : Buffer.alloc(0);
    if (call) socket.unshift(bytes);
    this.#calls.set(socket, call ? this.#notes.countRepeat(call) : { id, repeats: 0 });
    server.emit('connection', socket);
    this.#follow(socket, id, bytes.length);
  }

  #drop(fd: number, id: string, call: NotedCall | undefined): void {
    closeSync(fd);
    if (call) this.#notes.remove(call);
    this.#held.remove(id);
  }

  #keep(socket: Socket, call: NotedCall, fd: number): void {
    this.#held.add(call.id, fd);
    this.#calls.set(socket, call);
    this.#follow(socket, call.id, 0);
  }

  #follow(socket: Socket, id: string, known: number): void {
    this.#note(socket, known);
    socket.once('close', () => {
      const call = this.#calls.get(socket);
      if (call) this.#notes.remove(call);
      this.#held.remove(id);
    });
  }

  /**
   * Notes what is read, but for the first `known` bytes, before Node's parser gets it: one listener ahead of its own.
   * That this fails harms only if the daemon is killed: nobody is told.
   */
  #note(socket: Socket, known: number): void {
    let skip = known;
    socket.prependListener('data', (bytes: Buffer) => {
      const fresh = bytes.subarray(skip);
      skip -= bytes.length - fresh.length;
      const call = this.#calls.get(socket);
      if (!call || fresh.length === 0) return;
      try {
        this.#notes.append(call, fresh);
      } catch {
        this.#notes.remove(call);
      }
    });
  }
}

/** Nothing noted: the connection was not read yet, and its request waits in it. */
function isWanted(waiting: ReturnType<Peek>, call: NotedCall | undefined): boolean {
  return call ? waiting !== 'end' && call.repeats < MOST_REPEATS : waiting === 'data';
}

/** Node has no other way to tell it. */
function descriptorOf(socket: Socket): number {
  return (socket as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
}

function newId(): string {
  return randomBytes(8).toString('hex');
}
