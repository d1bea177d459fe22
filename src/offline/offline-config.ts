import { loadConfig } from '../config/load.js';
import { type Config, configSchema } from '../config/schema.js';
import { errorMessage } from '../errors.js';

export interface OfflineConfig {
  readonly config: Config;
  /** Why no daemon can start with what the file or the variables say; then `config` is the defaults. */
  readonly problem?: string;
}

/** As a daemon would read it that is started without options. Never throws. */
export function readOfflineConfig(): OfflineConfig {
  try {
    return { config: loadConfig({ flags: {} }) };
  } catch (error: unknown) {
    return { config: configSchema.parse({}), problem: errorMessage(error) };
  }
}
