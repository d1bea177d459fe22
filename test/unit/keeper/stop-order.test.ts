import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { StopOrder } from '../../../src/keeper/client/keeper-link.js';

function listening(): { order: StopOrder; signals: EventEmitter } {
  const signals = new EventEmitter();
  return { order: new StopOrder(signals as NodeJS.Process), signals };
}

describe('the order to stop', () => {
  test.each(['SIGTERM', 'SIGINT'])('%s is a stop', async (signal) => {
    const { order, signals } = listening();
    signals.emit(signal);
    expect(await order.given).toBe(signal);
    expect(order.reason).toBe('stop');
  });

  test("SIGHUP and SIGUSR2 are the keeper's: they end nothing here", () => {
    const { signals } = listening();
    for (const signal of ['SIGHUP', 'SIGUSR2']) expect(signals.listenerCount(signal)).toBe(1);
  });

  test('an upgrade is a hand-over, until a stop comes', async () => {
    const { order, signals } = listening();
    order.onUpgrade();
    expect(await order.given).toBe('upgrade');
    expect(order.reason).toBe('handover');
    signals.emit('SIGTERM');
    expect(order.reason).toBe('stop');
  });

  test('without a keeper it is a hand-over, whatever came before or comes after', async () => {
    const { order, signals } = listening();
    signals.emit('SIGTERM');
    order.onKeeperLost();
    signals.emit('SIGTERM');
    expect(await order.given).toBe('SIGTERM');
    expect(order.reason).toBe('handover');
  });
});
