/** How packets are written: as a pcapng file, as lines for people, as objects for programs. */
import type { PointItem } from '../../admin/capture-answer.js';
import { printable, printableJson, shortName } from '../../observability/layout.js';
import { type Format, formatAnswer } from '../output/output.js';
import type { Output } from './output.js';
import { packetText } from './packet-text.js';
import { interfaceBlock, packetBlock, sectionBlock, statisticsBlock } from './pcapng.js';
import type { SeenPacket } from './time-order.js';

export interface Point extends PointItem {
  /** Packets that were lost there. */
  lost: number;
}

export interface PacketSink {
  /** Before the first packet of the point. */
  addPoint(point: Point): Promise<void>;
  write(packet: SeenPacket, point: Point): Promise<void>;
  /** After all else. */
  end(): Promise<void>;
}

export function nameOf({ host, network, place }: Point): string {
  return [host, network, place].map(shortName).join(' ');
}

/** `command`: a comment of the file. */
export function pcapngSink(output: Output, command: string, filter: string | undefined): PacketSink {
  let latestNs = 0n;
  /** Interfaces are numbered in the order of their blocks. */
  const numbers = new Map<Point, number>();
  return {
    addPoint: async (point) => {
      if (numbers.size === 0) await output.write(sectionBlock('xnet', command));
      const { host, network, place, interfaceName } = point;
      numbers.set(point, numbers.size);
      const description = `${place} of network ${network} on ${host}: interface ${interfaceName}`;
      await output.write(interfaceBlock({ name: nameOf(point), description, filter }));
    },
    write: (packet, point) => {
      if (packet.atNs > latestNs) latestNs = packet.atNs;
      return output.write(packetBlock(numbers.get(point) ?? 0, packet));
    },
    end: async () => {
      for (const [{ lost }, number] of numbers) await output.write(statisticsBlock(number, latestNs, lost));
    },
  };
}

/** A line for each packet. A column is as wide as its longest cell so far. */
export function lineSink(output: Output): PacketSink {
  let width = 'POINT'.length;
  const line = (time: string, name: string, way: string, packet: string) =>
    output.write(`${time.padEnd(16)}  ${name.padEnd(width)}  ${way.padEnd(3)}  ${packet}\n`);
  let hasHead = false;
  return {
    addPoint: async (point) => {
      width = Math.max(width, nameOf(point).length);
    },
    write: async (packet, point) => {
      if (!hasHead) await line('TIME', 'POINT', 'WAY', 'PACKET');
      hasHead = true;
      const time = `${isoTime(packet.atNs).slice(11, 26)}Z`;
      await line(time, nameOf(point), packet.direction, textOf(packet, point));
    },
    end: async () => {},
  };
}

/** An object a line, in YAML an item. */
export function objectSink(output: Output, format: Exclude<Format, 'table'>): PacketSink {
  return {
    addPoint: async () => {},
    write: async (packet, { host, network, place, ...point }) => {
      const { atNs, direction, length, bytes } = packet;
      const summary = textOf(packet, { host, network, place, ...point });
      const item = {
        ...{ at: isoTime(atNs), host, network, place, direction, length, summary },
        bytes: bytes.toString('base64'),
      };
      await output.write(
        format === 'json' ? `${printableJson(item)}\n` : await formatAnswer([item], 'yaml', () => ''),
      );
    },
    end: async () => {},
  };
}

function textOf(packet: SeenPacket, { place }: Point): string {
  return printable(packetText(packet, place === 'underlay'));
}

/** ISO 8601, to the nanosecond. */
function isoTime(atNs: bigint): string {
  const seconds = new Date(Number(atNs / 1_000_000n)).toISOString().slice(0, 20);
  return `${seconds}${`${atNs % 1_000_000_000n}`.padStart(9, '0')}Z`;
}
