import type { Part } from './part.js';

export interface Written {
  readonly part: Part;
  readonly bytes: number;
  /** Why the file says so alone. */
  readonly failure?: string;
}

const NEVER = [
  'passwords, and users of etcd',
  'certificates and keys',
  'values of labels, and of options that are not of xnet or Docker',
  'environment variables, of any process or container',
  "containers' commands, mounts, logs and files",
  'packets',
];

/** The list of what is in the archive, and of what is never in it. Pure. */
export function formatManifest(head: string, written: readonly Written[]): string {
  const lines = written.map(({ part, bytes, failure }) =>
    failure === undefined
      ? `  ${part.file}  ${bytes} bytes: ${part.what}`
      : `  ${part.file}  not had (${failure}): ${part.what}`,
  );
  return `${head}

The lists are of the whole cluster, as this host has them. Kernel, Docker and log are of this host alone: run xnet bundle on the
others for theirs.

In it:
${lines.join('\n')}

Never in it:
${NEVER.map((each) => `  ${each}`).join('\n')}

Names of hosts, networks and containers, addresses and MACs are in it.
`;
}
