/** A device that uses the address of a running container is found, and reported for as long as it does. */
import { expect, jest, test } from '@jest/globals';
import { DeviceWatch } from '../../../src/agent/lan/device-watch.js';
import { LanOfDevices } from '../../support/ipam/lan-of-devices.js';
import { muteLogger } from '../../support/loggers.js';

const PRINTER = '02:00:00:00:00:09';
const WEB = { poolKey: 'p', address: '10.1.0.9', container: 'web', network: 'office' };

function watching(lan: LanOfDevices, isAnyLan = true) {
  return new DeviceWatch({
    isAnyLan: () => isAnyLan,
    addresses: () => [WEB, { ...WEB, address: '10.1.0.10', container: 'db' }],
    whoHas: (...question) => lan.whoHas(...question),
    lookAgain: async () => undefined,
    logger: muteLogger,
  });
}

/** So long at a time that promises are settled in between. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) await jest.advanceTimersByTimeAsync(500);
}

test('a device is found within a minute, named, and forgotten when it is switched off', async () => {
  jest.useFakeTimers();
  try {
    const lan = new LanOfDevices();
    await using watch = watching(lan);
    watch.start();
    await pass(500);
    expect([lan.asked, watch.problems]).toEqual([[['10.1.0.9', '10.1.0.10']], []]);
    lan.devices.set('10.1.0.9', PRINTER);
    await pass(61_000);
    expect(watch.problems).toEqual([
      `network office: address 10.1.0.9 of container web is also used by a device with MAC ${PRINTER} on LAN eth1, and packets go to either; give the device another address, or switch it off, or make the container anew with another address`,
    ]);
    lan.devices.clear();
    await pass(11_000);
    expect(watch.problems).toEqual([]);
    const before = lan.asked.length;
    await pass(45_000);
    expect(lan.asked.length).toBe(before);
  } finally {
    jest.useRealTimers();
  }
});

test('one answer alone is none: a container that has moved here answers on its old host for a moment', async () => {
  jest.useFakeTimers();
  try {
    const lan = new LanOfDevices();
    lan.devices.set('10.1.0.9', PRINTER);
    const { whoHas } = lan;
    lan.whoHas = async (...question) => {
      const answers = await whoHas.apply(lan, question);
      lan.devices.clear();
      return answers;
    };
    await using watch = watching(lan);
    watch.start();
    await pass(1_000);
    expect([lan.asked.length, watch.problems]).toEqual([2, []]);
  } finally {
    jest.useRealTimers();
  }
});

test('without a network on a LAN nothing is asked', async () => {
  jest.useFakeTimers();
  try {
    const lan = new LanOfDevices();
    await using watch = watching(lan, false);
    watch.start();
    await pass(200_000);
    expect(lan.asked).toEqual([]);
  } finally {
    jest.useRealTimers();
  }
});
