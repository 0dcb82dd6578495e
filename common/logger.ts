/** Where the containers' events go; pino fits as it is. */
export interface ContainerLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const ignore = (): void => undefined;

export const silentLogger: ContainerLogger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
