/** A name server of a host's own, whose answers a test chooses. */
import { expect } from '@jest/globals';
import type { Lab } from '../lab/lab.js';
import { eventually } from '../time/eventually.js';

/** Until it is disposed of, which gives the host the lab's own again. */
export interface NameServer extends AsyncDisposable {
  /** Each name that it was asked for, a line each. */
  readonly output: string;
}

/**
 * Answers these names with these IPv4 addresses, and every other with none. The host and
 * its Docker ask it from now on; `lab.outside()` is the lab's own name server.
 */
export async function serveNames(
  lab: Lab,
  host: string,
  addresses: Readonly<Record<string, string>>,
): Promise<NameServer> {
  const script = `
    const socket = require('dgram').createSocket('udp4');
    const addresses = ${JSON.stringify(addresses)};
    socket.on('message', (query, from) => {
      const labels = [];
      let at = 12;
      for (; query[at]; at += query[at] + 1) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
      const end = at + 5;
      console.log(labels.join('.'));
      const address = query[end - 3] === 1 && addresses[labels.join('.').toLowerCase()];
      const header = Buffer.from(query.subarray(0, 12));
      header.writeUInt16BE(0x8180, 2);
      header.writeUInt32BE(address ? 0x10000 : 0, 6);
      header.writeUInt16BE(0, 10);
      const record = address ? [Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, ...address.split('.').map(Number)])] : [];
      socket.send(Buffer.concat([header, query.subarray(12, end), ...record]), from.port, from.address);
    }).bind(53, '127.0.0.1');`;
  const ask = (address: string) => lab.in(host, 'sh', '-c', `echo nameserver ${address} >/etc/resolv.conf`);
  const former = await lab.outside();
  const running = lab.start(host, 'node', '-e', script);
  const server: NameServer = {
    get output() {
      return running.output;
    },
    [Symbol.asyncDispose]: async () => {
      await ask(former);
      await running.stop();
    },
  };
  try {
    await ask('127.0.0.1');
    const [[name, address] = []] = Object.entries(addresses);
    if (name !== undefined)
      await eventually(async () => expect(await lab.in(host, 'dig', '+short', name)).toBe(address));
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}
