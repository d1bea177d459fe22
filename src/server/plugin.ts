import type { RpcMethod } from './rpc.js';

/** The handshake of a Docker plugin: what it implements. Answered at once, whatever else is down. */
export function pluginMethods(): RpcMethod[] {
  return [{ name: 'Plugin.Activate', handle: () => ({ Implements: ['NetworkDriver', 'IpamDriver'] }) }];
}
