/**
 * src/observability: what people see of xnet: lines of the log, text in columns, counted repairs. Nothing here fails its caller,
 * and no name can break a line of text. Not in here: what is worth showing; whoever knows it decides.
 */
import winston from 'winston';

export type LogFields = Readonly<Record<string, unknown>>;

/** What the rest of xnet sees of winston. Never pass secrets: fields are written as they are. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export const LOG_FORMATS = ['json', 'pretty'] as const;
type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogSettings {
  readonly level: LogLevel;
  readonly format: (typeof LOG_FORMATS)[number];
  /** Levels that go to standard error, the others to standard output; default: all. */
  readonly toStderr?: readonly LogLevel[];
}

/** A logger that writes one line an event: JSON objects, or text for people. */
export function createLogger({ level, format, toStderr = LOG_LEVELS }: LogSettings): Logger {
  const { combine, timestamp, json, printf } = winston.format;
  const logger = winston.createLogger({
    level,
    format: combine(timestamp(), format === 'json' ? json() : printf(prettyLine)),
    transports: [new winston.transports.Console({ stderrLevels: [...toStderr] })],
  });
  // winston makes a line of everything, and asks only then whether it is wanted.
  const write = (of: LogLevel): Logger[LogLevel] =>
    LOG_LEVELS.indexOf(of) <= LOG_LEVELS.indexOf(level) ? (...line) => void logger.log(of, ...line) : ignore;
  return { error: write('error'), warn: write('warn'), info: write('info'), debug: write('debug') };
}

function ignore(): void {}

function prettyLine({ timestamp, level, message, ...fields }: winston.Logform.TransformableInfo): string {
  const details = Object.entries(fields).map(([key, value]) => `${key}=${formatValue(value)}`);
  return [timestamp, level.toUpperCase().padEnd(5), message, ...details].join(' ');
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && /^[\w./:@-]+$/.test(value)
    ? value
    : (JSON.stringify(value) ?? 'undefined');
}
