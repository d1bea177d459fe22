/** A store that reaches etcd through a proxy, for tests of failing networks. */
import type { EtcdTimeouts } from '../../../src/store/etcd/etcd-options.js';
import { EtcdStore } from '../../../src/store/etcd/etcd-store.js';
import type { EtcdCluster } from './etcd.js';
import { TcpProxy } from './tcp-proxy.js';

/** A store behind a proxy, and one straight to etcd that sees the same keys. */
export async function openBehindProxy(cluster: EtcdCluster, timeouts: Partial<EtcdTimeouts> = {}) {
  const proxy = await TcpProxy.open(cluster.member(0).clientPort);
  const prefix = `/proxy-${proxy.port}/`;
  const url = `http://127.0.0.1:${proxy.port}`;
  const store = new EtcdStore({ endpoints: [url], prefix, timeouts });
  const direct = new EtcdStore({ endpoints: [`http://${cluster.member(0).address}`], prefix });
  const put = (key: string, value: string) => direct.commit([], [{ put: key, value }]);
  return {
    ...{ proxy, store, direct, url, put },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await direct[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}
