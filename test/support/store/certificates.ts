/** Throw-away certificates made by openssl, for tests of TLS. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../programs/command.js';

export interface CertificateAuthority extends AsyncDisposable {
  /** Path of its certificate. */
  readonly ca: string;
  /** Makes a certificate for 127.0.0.1; returns the paths of certificate and key. */
  issue(name: string): Promise<{ cert: string; key: string }>;
}

export async function createAuthority(): Promise<CertificateAuthority> {
  const directory = await mkdtemp(join(tmpdir(), 'xnet-ca-'));
  const path = (name: string) => join(directory, name);
  const openssl = (...args: string[]) => run(['openssl', ...args], { directory });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await openssl(
    ...['req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=test CA'],
    ...['-keyout', 'ca.key', '-out', 'ca.crt'],
  );
  await writeFile(
    path('extensions'),
    'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n',
  );
  return {
    ca: path('ca.crt'),
    issue: async (name) => {
      await openssl(
        'req',
        ...newKey,
        '-subj',
        `/CN=${name}`,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
      );
      await openssl(
        ...['x509', '-req', '-in', `${name}.csr`, '-days', '2', '-extfile', 'extensions'],
        ...['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-out', `${name}.crt`],
      );
      return { cert: path(`${name}.crt`), key: path(`${name}.key`) };
    },
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }),
  };
}

export async function readPems(paths: { ca: string; cert: string; key: string }) {
  const [ca, cert, key] = await Promise.all(
    [paths.ca, paths.cert, paths.key].map((path) => readFile(path, 'utf8')),
  );
  return { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
}
