import type { Server } from 'node:http';
import type { Logger } from '../observability/logger.js';
import { type IpamDriverParts, ipamDriverMethods } from './ipam-driver.js';
import { type NetworkDriverParts, networkDriverMethods, type Ready, type Scope } from './network-driver.js';
import { createRpcServer } from './rpc.js';

export interface PluginParts {
  readonly scope: Scope;
  readonly ready: Ready<NetworkDriverParts & IpamDriverParts>;
  /** As `networkDriverMethods`. */
  readonly gatewayBridge: () => Promise<void>;
  readonly logger: Logger;
}

/** The server that Docker calls. Its handshake, which says what the plugin implements, is answered whatever else is down. */
export function createPluginServer({ scope, ready, gatewayBridge, logger }: PluginParts): Server {
  const methods = [
    { name: 'Plugin.Activate', handle: () => ({ Implements: ['NetworkDriver', 'IpamDriver'] }) },
    ...networkDriverMethods(scope, ready, gatewayBridge),
    ...ipamDriverMethods(scope, ready),
  ];
  return createRpcServer(methods, logger);
}
