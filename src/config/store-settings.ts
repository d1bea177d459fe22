import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { errorMessage, XnetError } from '../errors.js';
import type { Config, ConfigKey } from './schema.js';

/** What openStore needs, with certificates read from their files and tried. Throws INVALID naming setting and file. */
export function storeSettings(config: Config) {
  const { store, stateDir, prefix, etcdUser, etcdPassword } = config;
  const [ca, cert, key] = [
    readPem(config, 'etcdCa'),
    readPem(config, 'etcdCert'),
    readPem(config, 'etcdKey'),
  ];
  if ((etcdUser === undefined) !== (etcdPassword === undefined)) {
    throw new XnetError('INVALID', 'etcdUser and etcdPassword (or etcdPasswordFile) must be given together');
  }
  checkCertificates(config, { ca, cert, key });
  return {
    url: store,
    stateDirectory: stateDir,
    prefix,
    ...((ca ?? cert ?? key) !== undefined && {
      tls: {
        ...(ca !== undefined && { ca }),
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
      },
    }),
    ...(etcdUser !== undefined && { credentials: { user: etcdUser, password: etcdPassword ?? '' } }),
  };
}

function readPem(
  config: Config,
  setting: ConfigKey & ('etcdCa' | 'etcdCert' | 'etcdKey'),
): string | undefined {
  const path = config[setting];
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error: unknown) {
    throw new XnetError('INVALID', `${setting} cannot be read: ${errorMessage(error)}`);
  }
}

/** Otherwise their fault would show with the first call of etcd's, in the words of OpenSSL. */
function checkCertificates(
  { etcdCa, etcdCert, etcdKey }: Config,
  { ca, cert, key }: { ca: string | undefined; cert: string | undefined; key: string | undefined },
): void {
  if ((cert === undefined) !== (key === undefined))
    throw new XnetError('INVALID', 'etcdCert and etcdKey must be given together');
  tryPem(`etcdCa: ${etcdCa} holds no certificate (PEM)`, () => ca !== undefined && new X509Certificate(ca));
  tryPem(
    `etcdCert: ${etcdCert} holds no certificate (PEM)`,
    () => cert !== undefined && new X509Certificate(cert),
  );
  if (cert !== undefined && key !== undefined)
    tryPem(`etcdKey: ${etcdKey} is not the key (PEM) of the certificate ${etcdCert}`, () =>
      createSecureContext({ cert, key }),
    );
}

function tryPem(message: string, use: () => unknown): void {
  try {
    use();
  } catch (error: unknown) {
    throw new XnetError('INVALID', `${message}: ${errorMessage(error)}`);
  }
}
