import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Answers a call, now, later or never. */
export type Reply = (response: ServerResponse) => void;

export const json =
  (body: unknown): Reply =>
  (response) =>
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(body));

/** A stream of events that stays open. */
export const events =
  (...all: object[]): Reply =>
  (response) =>
    response.write(all.map((event) => `${JSON.stringify(event)}\n`).join('') || '\n');

/** The socket of a Docker that replies to `METHOD /path` as it is told to, and to all else never. */
export class DockerStandIn implements AsyncDisposable {
  readonly #called = new Map<string, number>();
  readonly #server: Server;

  private constructor(
    private readonly directory: string,
    private readonly replies: Readonly<Record<string, Reply>>,
  ) {
    this.#server = createServer((request, response) => this.#take(request, response));
  }

  static async start(replies: Readonly<Record<string, Reply>>): Promise<DockerStandIn> {
    const standIn = new DockerStandIn(await mkdtemp(join(tmpdir(), 'xnet-docker-')), replies);
    await new Promise<void>((resolve) => standIn.#server.listen(standIn.path, resolve));
    return standIn;
  }

  get path(): string {
    return join(this.directory, 'docker.sock');
  }

  /** How often `METHOD /path` was called. */
  count(call: string): number {
    return this.#called.get(call) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
    await rm(this.directory, { recursive: true });
  }

  #take({ method, url }: IncomingMessage, response: ServerResponse): void {
    const call = `${method} ${url?.replace(/\?.*/, '')}`;
    this.#called.set(call, this.count(call) + 1);
    this.replies[call]?.(response);
  }
}
