import { readFileSync } from 'node:fs';
import { errorMessage, XnetError } from '../errors.js';
import type { Config, ConfigKey } from './schema.js';

/** What openStore needs, with certificates read from their files. Throws INVALID naming setting and file. */
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
