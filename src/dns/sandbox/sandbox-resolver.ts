/**
 * The resolver of one sandbox: a UDP and a TCP socket inside the container's network namespace, which answer
 * the names of its networks and pass everything else on to Docker's own resolver there.
 */
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import { sleep } from '../../concurrency/deadline.js';
import { forgetConnections, RulesetGeneration } from '../../native/netfilter/netfilter.js';
import { boundPort, openSandboxSockets, RESOLVER_MARK } from '../../native/socket-sandbox.js';
import type { SandboxRules } from '../collaborators.js';
import type { ResolverDescriptors } from './held-sandboxes.js';
import type { SandboxAnswers, SureAnswer } from './sandbox-answers.js';
import { TcpConnection } from './tcp-connection.js';
import { type UdpClient, UdpServer } from './udp-server.js';

/** TCP clients of one sandbox at a time; another is refused. */
const MOST_CONNECTIONS = 128;

/** The mark of connections that are not redirected to us. Forgetting these is harmless: the kernel tracks them anew. */
const NO_MARK = 0;

/**
 * How long queries that were under way when the rule went are still answered: ours, and those passed on. A client that
 * asks from one socket comes to us all that time: the cut is made in a moment in which none of its queries waits.
 */
const DRAIN_MS = 100;
const MOST_DRAIN_MS = 2_000;
const DRAIN_LOOK_MS = 10;

export class SandboxResolver {
  readonly #connections = new Set<TcpConnection>();
  readonly #udp: UdpServer;
  /** Opened at the first look at the rule: a start does without. */
  #ruleset: RulesetGeneration | undefined;
  #isGuarded = false;
  /** Of the sandbox's ruleset when the rule was last seen right. */
  #generation: number | undefined;

  private constructor(
    readonly sandboxPath: string,
    /** Numbers of this process, open as long as the resolver is. */
    readonly descriptors: ResolverDescriptors,
    private readonly tcp: Server,
    private readonly answers: SandboxAnswers,
    private readonly rules: SandboxRules,
  ) {
    this.#udp = new UdpServer(descriptors.udp, (query, client) => this.#takeUdp(query, client));
    tcp.on('error', () => {});
    tcp.maxConnections = MOST_CONNECTIONS;
    tcp.on('connection', (client) => this.#takeTcp(client));
  }

  /** Opens the sockets, serves, and puts the rule in place. Throws, with nothing left behind. */
  static async install(
    sandboxPath: string,
    answers: SandboxAnswers,
    rules: SandboxRules,
  ): Promise<SandboxResolver> {
    const resolver = await SandboxResolver.adopt(
      sandboxPath,
      openSandboxSockets(sandboxPath),
      answers,
      rules,
    );
    try {
      // What a resolver before this one left behind goes to its port.
      forget(sandboxPath, RESOLVER_MARK);
      await resolver.ensureRule();
      // A client that asks from one socket would for ever ask Docker, which it asked before.
      forget(sandboxPath, NO_MARK);
      return resolver;
    } catch (error) {
      resolver.release();
      throw error;
    }
  }

  /**
   * Goes on with sockets that another process of ours opened for this sandbox, whose rule is in place: queries
   * that waited in them are answered. The descriptors are the resolver's from now on. Throws, with them closed.
   */
  static async adopt(
    sandboxPath: string,
    descriptors: ResolverDescriptors,
    answers: SandboxAnswers,
    rules: SandboxRules,
  ): Promise<SandboxResolver> {
    let tcp: Server | undefined;
    try {
      tcp = await listeningServer(descriptors);
      return new SandboxResolver(sandboxPath, descriptors, tcp, answers, rules);
    } catch (error) {
      tcp?.close();
      closeSync(descriptors.udp);
      throw error;
    }
  }

  /** Puts the rule in place, whatever is there. */
  async ensureRule(): Promise<void> {
    await this.rules.ensure(this.sandboxPath, this.#redirection());
  }

  /** The container has been closed since the rule was put in place. */
  get isToBeGuarded(): boolean {
    return !this.#isGuarded && this.answers.secret !== undefined;
  }

  /**
   * Puts the rule back where someone altered it, and resolves to whether that was so. Costs next to nothing while nobody has
   * touched the sandbox's rules. Throws NOT_FOUND when the sandbox is gone, and what `ensureRule` throws.
   */
  async repairRule(): Promise<boolean> {
    this.#ruleset ??= new RulesetGeneration(this.sandboxPath);
    const generation = this.#ruleset.read();
    if (generation !== undefined && generation === this.#generation) return false;
    const found = await this.rules.repair(this.sandboxPath, this.#redirection());
    this.#generation = found === 'right' ? generation : undefined;
    if (found === 'rewritten') this.#generation = generationAfter(this.#ruleset, generation);
    // A client that asked from one socket meanwhile would for ever ask Docker.
    if (found === 'repaired') forget(this.sandboxPath, NO_MARK);
    return found === 'repaired';
  }

  /** Docker's resolver alone again; what was asked before is still answered. Throws when the rule stays. */
  async remove(): Promise<void> {
    try {
      await this.rules.remove(this.sandboxPath);
      await this.#drain();
    } finally {
      forget(this.sandboxPath, RESOLVER_MARK);
      this.release();
    }
  }

  /** Closes this process's sockets and leaves the rule: for a successor that has them, or a sandbox that is gone. */
  release(): void {
    this.#ruleset?.[Symbol.dispose]();
    this.#ruleset = undefined;
    this.answers.close();
    for (const connection of this.#connections) connection.close();
    this.tcp.close();
    this.#udp.close();
  }

  async #drain(): Promise<void> {
    for (let waitedMs = 0; waitedMs < MOST_DRAIN_MS; waitedMs += DRAIN_LOOK_MS) {
      await sleep(DRAIN_LOOK_MS);
      this.#udp.readAll();
      if (waitedMs >= DRAIN_MS && this.answers.waiting === 0) return;
    }
  }

  #redirection() {
    const ports = { udpPort: this.#udp.port, tcpPort: boundPort(this.descriptors.tcp) };
    const { secret } = this.answers;
    this.#isGuarded = secret !== undefined;
    return { ...ports, mark: RESOLVER_MARK, secret };
  }

  #takeUdp(query: Buffer, client: UdpClient): void {
    const answer = this.answers.find(query, 'udp');
    if (answer instanceof Promise) void answer.then((later) => this.#giveUdp(later, query, client));
    else this.#giveUdp(answer, query, client);
  }

  #giveUdp(answer: SureAnswer, query: Buffer, client: UdpClient): void {
    if (answer === 'forward') this.answers.passOn(query, (message) => this.#udp.reply(message, client));
    else if (answer !== 'drop') this.#udp.reply(answer, client);
  }

  #takeTcp(client: TcpSocket): void {
    const connection = new TcpConnection(client, this.answers, this.sandboxPath);
    this.#connections.add(connection);
    client.on('close', () => this.#connections.delete(connection));
    connection.start();
  }
}

/**
 * Removes the rule from the sandbox at `sandboxPath`, with or without a resolver there: after it Docker's
 * resolver answers, also a client that has asked us before. Absent is success.
 */
export async function removeRedirection(sandboxPath: string, rules: SandboxRules): Promise<void> {
  await rules.remove(sandboxPath);
  forget(sandboxPath, RESOLVER_MARK);
}

/** Best effort: a kernel without that part of conntrack only delays those few clients by 30 s. */
function forget(sandboxPath: string, mark: number): void {
  try {
    forgetConnections(sandboxPath, mark);
  } catch {
    // The sandbox is gone, or the kernel has no such call.
  }
}

/** The generation after one change of ours; undefined: others have changed something, too. */
function generationAfter(ruleset: RulesetGeneration, before: number | undefined): number | undefined {
  const now = ruleset.read();
  return before !== undefined && now === before + 1 ? now : undefined;
}

async function listeningServer({ tcp: fd }: ResolverDescriptors): Promise<Server> {
  const server = createServer({ allowHalfOpen: true });
  const listening = once(server, 'listening');
  server.listen({ fd });
  await listening;
  return server;
}
