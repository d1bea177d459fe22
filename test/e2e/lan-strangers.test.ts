/** Devices on the LAN of a network: what they have is given to no container, is set aside, and is reported where a container has it. */
import { expect } from '@jest/globals';
import { OPERATIONS } from '../../src/admin/operations.js';
import { createMirroredNetwork, runContainer } from '../support/containers/containers.js';
import type { Lab } from '../support/lab/lab.js';
import { describeInLab } from '../support/lab/lab-suite.js';
import { eventually } from '../support/time/eventually.js';

/** A container's name is known a moment after the daemon's start, and the next look names it; then all hosts have to know. */
const FOUND_MS = 40_000;

async function addresses(lab: Lab, host: string) {
  const text = await lab.in(host, 'xnet', 'addresses', 'office', '-o', 'json');
  return OPERATIONS.addresses.answer.parse(JSON.parse(text)).items;
}

/** It ends with 1 while there is a problem. */
const status = (lab: Lab, host: string) => lab.in(host, 'sh', '-c', 'xnet status || true');

describeInLab('LAN strangers', { hosts: 2, lan: true }, (test) => {
  test("a device's address is given to no container, also when it is switched on later", async (lab) => {
    const at = (last: number) => lab.lan('ip', `${last}`);
    const [web, printer, scanner, gateway] = await Promise.all([at(230), at(4), at(240), at(254)]);
    const subnet = `${printer.replace(/\d+$/, '0')}/24`;
    const mac = await lab.lan('on', 'printer', `${printer}/24`);
    const mode = ['-o', 'xnet.mode=macvlan', '-o', 'parent=eth1', '--gateway', gateway];
    await createMirroredNetwork(lab, 'office', ['--subnet', subnet, ...mode]);
    await runContainer(lab, 'h1', 'office', { name: 'web', options: ['--ip', web] });
    // It takes the address of a running container; found at the end.
    const stray = await lab.lan('on', 'stray', `${web}/24`);

    const started = ['h1', 'h2', 'h1', 'h2', 'h1', 'h2'].map((host) => runContainer(lab, host, 'office'));
    const given = await Promise.all((await Promise.all(started)).map((each) => each.address()));
    const taken = [await at(1), await at(2), printer, gateway, web];
    expect(given.filter((address) => taken.includes(address))).toEqual([]);
    expect(new Set(given).size).toBe(6);
    for (const host of lab.hosts) {
      const foreign = (await addresses(lab, host)).filter(({ state }) => state === 'foreign');
      expect(foreign.map(({ address }) => address)).toContain(printer);
      expect(foreign.find(({ address }) => address === printer)?.device?.mac).toBe(mac);
      expect(await lab.in(host, 'xnet', 'addresses', 'office')).toMatch(
        new RegExp(`${printer} +foreign .*${mac}`),
      );
      expect(await status(lab, host)).toContain(`set aside: ${printer} of a device with MAC ${mac}`);
      const pools = OPERATIONS.pools.answer.parse(
        JSON.parse(await lab.in(host, 'xnet', 'pools', '-o', 'json')),
      );
      expect(pools.items.find((pool) => pool.subnet === subnet)?.addresses.foreign).toBe(foreign.length);
    }

    // Who names an address: one that is set aside, and one that nobody has asked for.
    const named = (address: string) => runContainer(lab, 'h2', 'office', { options: ['--ip', address] });
    await expect(named(printer)).rejects.toThrow(`held by a device with MAC ${mac} on the LAN`);
    const scannerMac = await lab.lan('on', 'scanner', `${scanner}/24`);
    await expect(named(scanner)).rejects.toThrow(
      `address ${scanner} is used by a device with MAC ${scannerMac} on LAN eth1; choose another (--ip), or switch it off`,
    );
    await lab.lan('off', 'printer');
    expect(await (await named(printer)).address()).toBe(printer);

    // A daemon looks when it starts, and then each minute.
    await lab.xnet('h1', 'restart');
    const problem = `address ${web} of container web is also used by a device with MAC ${stray} on LAN eth1`;
    for (const host of lab.hosts)
      await eventually(async () => expect(await status(lab, host)).toContain(problem), FOUND_MS);
    await eventually(async () => expect(await lab.in('h2', 'xnet', 'events', '--all')).toContain(problem));
    await lab.lan('off', 'stray');
    await eventually(async () => expect(await status(lab, 'h2')).not.toContain(problem), FOUND_MS);
    await lab.lan('off', 'scanner');
  });
});
