/** The admin socket: what the `xnet` commands ask the daemon. JSON over HTTP on a unix socket of root's. */
import { createServer, type Server } from 'node:http';
import express, { type NextFunction, type Request, type Response } from 'express';
import type { ResolversStatus } from '../dns/collaborators.js';
import { errorMessage, isXnetError } from '../errors.js';
import type { KeeperState } from '../keeper/messages.js';
import type { KnownHost } from '../model/host.js';
import { formatStatus } from './status-text.js';

/** What `xnet status` shows. A problem is one sentence: what is wrong and what to do. */
export interface Status {
  readonly version: string;
  readonly host: {
    readonly id: string;
    readonly name: string;
    readonly vtep?: string;
    readonly interface?: string;
    readonly mtu?: number;
  };
  readonly store: { readonly description: string; readonly answerMs?: number; readonly problem?: string };
  /** Docker's Engine API: its version, or why it is not answering. */
  readonly docker?: { readonly version?: string; readonly problem?: string };
  readonly names: ResolversStatus & {
    /** Containers whose names the other hosts do not know yet, because writing them failed. */
    readonly unpublished: number;
  };
  /** Kernel objects that somebody had altered and that were put right, by kind, since the daemon's start. */
  readonly repairs: Readonly<Record<string, number>>;
  /** The process that starts the daemon again when it dies; absent: nobody does. */
  readonly keeper?: KeeperState;
  readonly problems: readonly string[];
  readonly networks: readonly NetworkStatus[];
  readonly peers: readonly PeerStatus[];
}

/** Another host, as this one knows it. */
export interface PeerStatus {
  readonly name: string;
  readonly vtep: string;
  readonly alive: boolean;
  /** `unknown`: the store is away. */
  readonly state: 'alive' | 'silent' | 'unknown';
  /** ISO 8601: since when it is not alive, or not known to be. */
  readonly since?: string;
  /** The same of one that was silent already at this time, when this daemon began to look. */
  readonly before?: string;
}

export interface NetworkStatus {
  readonly id: string;
  readonly name?: string;
  readonly vni: number;
  readonly mtu: number;
  readonly subnets: readonly string[];
  readonly dockerNetworkId: string;
  readonly endpoints: readonly {
    readonly id: string;
    readonly addresses: readonly string[];
    readonly mac: string;
  }[];
}

export interface Admin {
  readonly status: () => Promise<Status>;
  readonly listHosts: () => Promise<readonly KnownHost[]>;
  /** By name or id. */
  readonly removeHost: (wanted: string) => Promise<KnownHost>;
}

export function createAdminServer({ status, listHosts, removeHost }: Admin): Server {
  const app = express();
  app.disable('x-powered-by');
  app.get('/status', async (_request, response) => {
    response.json(await status());
  });
  // For those who have no `xnet` at hand: a managed plugin's is in its container.
  app.get('/status.txt', async (_request, response) => {
    response.type('text/plain').send(formatStatus(await status()));
  });
  app.get('/hosts', async (_request, response) => {
    response.json(await listHosts());
  });
  app.delete('/hosts/:host', async (request, response) => {
    response.json(await removeHost(request.params.host));
  });
  app.use((request, response) => {
    response.status(404).json({ error: `no such thing: ${request.path}` });
  });
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const isCallers = isXnetError(error, 'NOT_FOUND', 'INVALID', 'IN_USE');
    response.status(isCallers ? 409 : 500).json({ error: errorMessage(error) });
  });
  return createServer(app);
}
