/** What wireguard-go answers to `get=1` (https://www.wireguard.com/xplatform/): a line for each field, those of a peer behind its key. Pure. */
import type { WireGuardDevice, WireGuardPeer } from '../../native/netlink/wireguard.js';

type Fields = ReadonlyMap<string, readonly string[]>;

export function parseUapi(text: string): WireGuardDevice {
  const [own = '', ...peers] = text.split(/^(?=public_key=)/m);
  const fields = fieldsOf(own);
  return {
    privateKey: keyText(first(fields, 'private_key')),
    port: numberOf(fields, 'listen_port'),
    peers: peers.map((lines) => peerOf(fieldsOf(lines))),
  };
}

function peerOf(fields: Fields): WireGuardPeer {
  const seconds = numberOf(fields, 'last_handshake_time_sec');
  return {
    publicKey: keyText(first(fields, 'public_key')),
    endpoint: first(fields, 'endpoint'),
    allowed: fields.get('allowed_ip') ?? [],
    handshake: seconds > 0 ? new Date(seconds * 1000) : undefined,
    received: numberOf(fields, 'rx_bytes'),
    sent: numberOf(fields, 'tx_bytes'),
    keepalive: numberOf(fields, 'persistent_keepalive_interval'),
  };
}

function fieldsOf(lines: string): Fields {
  const fields = new Map<string, string[]>();
  for (const [, name = '', value = ''] of lines.matchAll(/^(\w+)=(.*)$/gm))
    fields.set(name, [...(fields.get(name) ?? []), value]);
  return fields;
}

function first(fields: Fields, name: string): string | undefined {
  return fields.get(name)?.[0];
}

function numberOf(fields: Fields, name: string): number {
  return Number(first(fields, name) ?? 0);
}

/** In hexadecimal there; all zeros: none. */
function keyText(hex = ''): string {
  return /^0*$/.test(hex) ? '' : Buffer.from(hex, 'hex').toString('base64');
}
