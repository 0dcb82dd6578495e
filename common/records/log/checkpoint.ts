import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { LogPosition } from './replication-source.js';

const ID = /^[0-9a-f]{32}$/;

/**
 * The position up to which a log is replicated, and the log's id, as two small files in its directory. They are replaced
 * as a whole but not forced to disk: after a crash of the machine the checkpoint may be an older one, or missing. The
 * records behind it are then replicated again, which does no harm.
 */
export class Checkpoint {
  readonly #file: string;
  readonly logId: string;

  private constructor(directory: string) {
    this.#file = path.join(directory, 'carried');
    this.logId = idIn(path.join(directory, 'log-id'));
  }

  /** Throws the errors of the file system. */
  static open(directory: string): Checkpoint {
    return new Checkpoint(directory);
  }

  /** Undefined when no record was replicated yet, or the file holds no position. */
  load(): LogPosition | undefined {
    const text = readText(this.#file);
    return text === undefined ? undefined : parsePosition(text);
  }

  async save({ segment, offset }: LogPosition): Promise<void> {
    const temporary = `${this.#file}.tmp`;
    await fs.promises.writeFile(temporary, `${JSON.stringify({ segment, offset })}\n`, { mode: 0o600 });
    await fs.promises.rename(temporary, this.#file);
  }
}

function idIn(file: string): string {
  const known = readText(file)?.trim();
  if (known !== undefined && ID.test(known)) return known;
  const id = randomBytes(16).toString('hex');
  fs.writeFileSync(`${file}.tmp`, `${id}\n`, { mode: 0o600 });
  fs.renameSync(`${file}.tmp`, file);
  return id;
}

function readText(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined when the text is no position. */
function parsePosition(text: string): LogPosition | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { segment, offset } = parsed as Partial<Record<keyof LogPosition, unknown>>;
  return isCount(segment) && isCount(offset) ? { segment, offset } : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
