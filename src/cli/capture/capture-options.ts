import { type Command, InvalidArgumentError, Option } from 'commander';
import { CAPTURE_BOUNDS } from '../../admin/capture-answer.js';
import { printCapture } from './capture.js';

const CAPTURE_HELP = `
Times are those of each host's own clock. Way: what the container, or at vxlan0 and underlay its host, sends (out) or gets (in).
Examples:
  xnet capture shop --filter 'icmp or arp'
  xnet capture web --seconds 10 -w web.pcapng
  xnet capture shop -w - | wireshark -k -i -`;

/** What `xnet capture` does, and with which options. */
export function addCaptureOptions(command: Command): void {
  const { count, seconds, snap } = CAPTURE_BOUNDS;
  command
    .description(
      'capture packets at the containers, the tunnels and the underlay of all hosts, as lines or as pcapng',
    )
    .option('--on <host...>', 'only on these hosts (names or ids)')
    .option('--filter <expression>', "only these packets, in tcpdump's language")
    .addOption(numberOption('--count <n>', `end after so many packets (${count.default})`, count.most))
    .addOption(numberOption('--seconds <s>', `end after so many seconds (${seconds.default})`, seconds.most))
    .addOption(
      numberOption(
        '--snap <bytes>',
        `keep so much of each packet (all of it, or ${snap.defaultOnSeveralHosts} if several hosts capture)`,
        snap.most,
      ),
    )
    .addOption(
      new Option('-w, --write <file>', 'write a pcapng file; - is standard output').conflicts([
        'output',
        'json',
      ]),
    )
    .addHelpText('after', CAPTURE_HELP)
    .action(printCapture);
}

function numberOption(flags: string, description: string, most: number): Option {
  return new Option(flags, description).argParser((text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= 1 && number <= most) return number;
    throw new InvalidArgumentError(`Give a whole number from 1 to ${most}.`);
  });
}
