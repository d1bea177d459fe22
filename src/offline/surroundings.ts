/** Which of etcd and Docker answers this host, and what of its networks is in the kernel: asked without the daemon. */

import { limitTo } from '../concurrency/limit.js';
import type { Config } from '../config/schema.js';
import { storeSettings } from '../config/store-settings.js';
import { type FoundDevices, findDevices } from '../dataplane/overlay/find-devices.js';
import { findRoutedDevices } from '../dataplane/routed/routed-host.js';
import { DockerodeEngine } from '../docker/dockerode-engine.js';
import { errorMessage, XnetError } from '../errors.js';
import { openStore } from '../store/open-store.js';
import type { StoreMember } from '../store/store.js';

const AT_ONCE = 8;
const DOCKER_MS = 3_000;

const NO_CERTIFICATES =
  'not asked: the certificates for it are not in the configuration that this command reads';

/**
 * What the store's servers say; undefined: the store has none. Rejects where the configuration does not lead to a store; with
 * UNSUPPORTED where it lacks certificates that the daemon had.
 */
export async function askMembers(
  config: Config,
  description: string,
): Promise<readonly StoreMember[] | undefined> {
  const settings = storeSettings({ ...config, store: urlOf(config, description) });
  if (settings.url === 'embedded') return undefined;
  await using store = await openStore(settings);
  return await store.members?.();
}

/**
 * The store that the daemon used, where this command's configuration names none: its daemon got the setting by an option, or by
 * a variable of its unit.
 */
function urlOf({ store, etcdCa }: Config, description: string): string {
  const [, members] = /^etcd (\S+) under /.exec(description) ?? [];
  if (store !== 'embedded' || members === undefined) return store;
  const isSecure = members.startsWith('https:');
  if (isSecure && etcdCa === undefined) throw new XnetError('UNSUPPORTED', NO_CERTIFICATES);
  return `${isSecure ? 'etcds' : 'etcd'}://${members.replaceAll(/https?:\/\//g, '')}`;
}

/** Docker's version, or why it does not answer. Never rejects. */
export async function askDocker({ dockerHost }: Config): Promise<{ version: string } | { problem: string }> {
  const engine = new DockerodeEngine(dockerHost, { readMs: DOCKER_MS });
  try {
    return { version: await engine.version() };
  } catch (error: unknown) {
    return { problem: errorMessage(error) };
  } finally {
    engine.close();
  }
}

/** What the kernel has of each of the networks; absent: none of it. Never rejects. */
export async function findAllDevices(ids: readonly string[]): Promise<ReadonlyMap<string, FoundDevices>> {
  const limit = limitTo(AT_ONCE);
  const find = async (id: string): Promise<[string, FoundDevices][]> => {
    const found = await findDevices(id)
      .then((devices) => devices ?? findRoutedDevices(id))
      .catch(() => undefined);
    return found ? [[id, found]] : [];
  };
  return new Map((await Promise.all(ids.map((id) => limit(() => find(id))))).flat());
}
