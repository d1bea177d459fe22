import type { IpamContext } from '../ipam-context.js';

/**
 * Who has been given the address with this key, and has no endpoint yet, for an error message: `container web, which starts
 * on host h1`. The store knows nothing of it. Undefined: nobody on this host.
 */
export function describeStarting({ views, host }: IpamContext, addressKey: string): string | undefined {
  const handed = views.handedOut(addressKey);
  if (!handed) return undefined;
  const container = handed.container === undefined ? 'a container' : `container ${handed.container}`;
  return `${container}, which starts on host ${host.hostName}`;
}
