import { errorMessage } from '../errors.js';
import { loadConfig } from './load.js';
import { type Config, configSchema } from './schema.js';

export interface LoadedConfig {
  readonly config: Config;
  /** Why no daemon can start with what the file or the variables say; then `config` is the defaults. */
  readonly problem?: string;
}

/** As a daemon would read it that is started without options. For commands that must go on. Never throws. */
export function loadOrDefault(): LoadedConfig {
  try {
    return { config: loadConfig({ flags: {} }) };
  } catch (error: unknown) {
    return { config: configSchema.parse({}), problem: errorMessage(error) };
  }
}
